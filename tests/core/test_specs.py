"""Specs: one object however it is written, identified by its canonical JSON, and refused with every problem at once."""

import json
import tomllib
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from repbias.core.specs import Spec, did_you_mean, digest, explain
from repbias.models import MLP
from repbias.tasks import Agreement, BooleanTask
from repbias.training import SGD, Adam, AdamW, Phase, RMSprop, Training

TASK = BooleanTask(features={"easy": "copy", "hard": "parity3"}, bits=12, train=512)
TRAINING = Training(optimizer=AdamW(lr=0.01), phases=(Phase(features=("easy",), steps=100), Phase()))


@pytest.mark.parametrize(
    "spec",
    [
        TASK,
        TRAINING,
        MLP(),
        MLP(widths=(8, 8), residual=True),
        Training(),
        SGD(),
        Adam(betas=(0.5, 0.9)),
        RMSprop(alpha=0.9),
    ],
    ids=repr,
)
def test_json_and_dictionaries_make_the_same_spec_again(spec):
    from_json = type(spec).model_validate_json(spec.canonical_json())
    from_dict = type(spec).model_validate(json.loads(spec.canonical_json()))
    assert from_json == from_dict == spec
    assert type(getattr(from_json, "optimizer", None)) is type(getattr(spec, "optimizer", None))
    assert from_json.canonical_json() == spec.canonical_json()
    assert from_json.digest() == spec.digest()


def test_toml_makes_the_same_spec_as_python():
    text = """
        batch = 128
        [optimizer]
        kind = "adamw"
        lr = 1e-2
        [[phases]]
        features = ["easy"]
        steps = 100
        [[phases]]
    """
    assert Training.model_validate(tomllib.loads(text)) == TRAINING
    assert Training.model_validate(tomllib.loads(text)).digest() == TRAINING.digest()


def test_an_optimiser_may_be_named():
    assert Training.model_validate({"optimizer": "adam"}).optimizer == Adam()
    assert Training.model_validate({"optimizer": "sgd"}) == Training()


def test_the_canonical_json_is_written_in_one_way():
    """Pinned: a change here changes the identity of every run that was ever stored."""
    assert SGD(lr=1).canonical_json() == '{"kind":"sgd","lr":1.0,"momentum":0.0,"weight_decay":0.0}'
    assert SGD(lr=1).digest() == digest('{"kind":"sgd","lr":1.0,"momentum":0.0,"weight_decay":0.0}')
    assert digest("repbias") == "2fdc0c97b52ec8af"
    assert MLP(widths=[8]).canonical_json() == (
        '{"kind":"mlp","widths":[8],"activation":"leaky_relu","dropout":0.0,"norm":"none","residual":false,'
        '"init":"glorot"}'
    )


def test_what_is_left_out_is_the_same_as_the_default_written():
    assert Training(batch=128).digest() == Training().digest()
    assert MLP(widths=[256, 128, 64, 64]).digest() == MLP().digest()


def test_an_optional_field_left_none_leaves_the_identity_as_it_was():
    """So a spec may gain a field that is None by default, and no run stored before is trained again."""

    class Before(Spec):
        size: int = 1

    class After(Before):
        extra: dict[str, float | None] | None = None

    assert After().canonical_json() == After(extra=None).canonical_json() == Before().canonical_json() == '{"size":1}'
    assert After(extra={}).canonical_json() == '{"size":1,"extra":{}}'
    assert TASK.model_copy(update={"agreement": None, "probes": None}).canonical_json() == TASK.canonical_json()
    assert "agreement" not in TASK.canonical_json()
    agreeing = TASK.model_copy(update={"agreement": Agreement(first="easy", second="hard", share=0.75)})
    assert agreeing.digest() != TASK.digest()


def test_any_field_changes_the_digest():
    specs = [
        Training(), Training(batch=64), Training(mastery_accuracy=0.98), Training(check_every=100),
        Training(checkpoints_per_decade=5), Training(optimizer=SGD(lr=0.06)), Training(optimizer=SGD(momentum=0.1)),
        Training(optimizer=Adam(lr=0.05)), Training(optimizer=AdamW(lr=0.05)), Training(optimizer=RMSprop(lr=0.05)),
        Training(optimizer=RMSprop(lr=0.05, alpha=0.9)), Training(phases=(Phase(steps=1),)),
        Training(phases=(Phase(extra=1),)), Training(phases=(Phase(until="steps"),)),
        Training(phases=(Phase(features=("a",)),)), Training(phases=(Phase(features=("a", "b")),)),
        Training(phases=(Phase(), Phase())),
        MLP(), MLP(widths=(256,)), MLP(activation="relu"), MLP(dropout=0.1), MLP(norm="layer"), MLP(residual=True),
        MLP(init="he"), MLP(gain=0.5), MLP(gain=1),
    ]  # fmt: skip
    for one, other in combinations(specs, 2):
        assert one.digest() != other.digest(), (one, other)


def test_the_order_of_features_is_part_of_the_description():
    turned = BooleanTask(features={"hard": "parity3", "easy": "copy"}, bits=12, train=512)
    assert turned.digest() != TASK.digest()


@given(lr=st.floats(1e-300, 1e300), decay=st.floats(0, 1e300))
def test_numbers_survive_to_the_last_digit(lr, decay):
    spec = SGD(lr=lr, weight_decay=decay)
    assert SGD.model_validate_json(spec.canonical_json()) == spec


def test_specs_cannot_be_changed():
    with pytest.raises(ValidationError):
        TRAINING.batch = 3
    assert TRAINING.batch != 3


class Small(Spec):
    size: int = 1


@pytest.mark.parametrize(
    ("spec", "fields", "message"),
    [
        (SGD, {"weight_decay": float("inf")}, "finite number"),
        (SGD, {"weight_decay": float("nan")}, "finite number"),
        (SGD, {"xyz": 1}, "no such field; known: kind, lr, momentum, weight_decay"),
        (Small, {"siez": 2}, "siez"),
    ],
)
def test_infinite_values_and_unknown_fields_are_refused(spec, fields, message):
    with pytest.raises(ValidationError, match=message):
        spec.model_validate(fields)


def test_every_problem_is_listed_at_once():
    wrong = {
        "batch": 0,
        "mastery_accuracy": 2,
        "phases": [{"until": "later"}, {"steps": -1}],
        "optimizer": {"kind": "sgd", "lr": -1},
    }
    with pytest.raises(ValidationError) as error:
        Training.model_validate(wrong | {"bacth": 3})
    lines = explain(error.value, "training").splitlines()
    assert lines[0] == "training: 6 problems"
    assert len(lines) == 7
    for where, came in [
        ("batch", "0"), ("mastery_accuracy", "2"), ("phases.0.until", "'later'"), ("phases.1.steps", "-1"),
        ("lr", "-1"), ("bacth", "3"),
    ]:  # fmt: skip
        assert [line for line in lines if f"{where}:" in line and line.endswith(f"(got {came})")], where


def test_a_problem_of_the_whole_and_long_values_are_told_shortly():
    with pytest.raises(ValidationError) as error:
        MLP(widths=(8, 4), residual=True)
    text = explain(error.value, "model")
    assert text.startswith("model: 1 problem\n  (as a whole): residual=True, but no two consecutive hidden layers")
    assert "Value error" not in text
    with pytest.raises(ValidationError) as error:
        MLP(activation="x" * 500)
    assert len(explain(error.value, "model")) < 250
    with pytest.raises(ValidationError) as error:
        BooleanTask()
    assert explain(error.value, "task") == "task: 1 problem\n  features: Field required"


def test_the_nearest_field_is_suggested_for_each_unknown_one_beside_all_other_problems():
    with pytest.raises(ValidationError) as error:
        Training.model_validate(
            {"batsh": 3, "mastery_accuracy": 2, "optimizer": {"kind": "adam", "l": 1}, "phases": [{"stepps": 1}]}
        )
    assert sorted(explain(error.value, "training").splitlines()) == [
        "  batsh: there is no such field; did you mean 'batch'? (got 3)",
        "  mastery_accuracy: Input should be less than or equal to 1 (got 2)",
        "  optimizer.adam.l: there is no such field; did you mean 'lr'? (got 1)",
        "  phases.0.stepps: there is no such field; did you mean 'steps'? (got 1)",
        "training: 4 problems",
    ]


@pytest.mark.parametrize(
    ("name", "known", "sentence"),
    [
        ("hart", ["easy", "hard"], "did you mean 'hard'?"),
        ("parity", ["parity3", "parity4"], "did you mean 'parity4' or 'parity3'?"),
        ("zzz", ["easy", "hard"], "known: easy, hard"),
        ("zzz", [], "known: none"),
    ],
)
def test_the_nearest_names_are_suggested_and_otherwise_all(name, known, sentence):
    assert sorted(did_you_mean(name, known)) == sorted(sentence)
    assert did_you_mean(name, iter(known)) == did_you_mean(name, known)
