"""Labels are the function of the bits, balance is exact, splits are disjoint, manipulations touch training only."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from repbias.core.specs import explain
from repbias.tasks import UNLABELLED, BooleanFeature, BooleanTask, Task
from repbias.tasks.generated import stimulus_keys

LADDER = {"copy": "copy", "and": "and", "or": "or", "xor": "xor", "p": "parity3", "t": "threshold5", "x": "xor_of_ands"}
SMALL = {"bits": 24, "train": 600, "validation": 200, "test": 200}


def splits(task, seed=0):
    stimuli = task.stimuli(seed)
    return {"train": stimuli.train, "validation": stimuli.validation, "test": stimuli.test}


def values_by_hand(by_hand, task, inputs):
    """Recompute every feature from the bits, with Python integers."""
    rows, positions = inputs.tolist(), task.positions()
    return np.array(
        [[by_hand[f.function]([row[p] for p in positions[name]]) for name, f in task.features.items()] for row in rows]
    )


kinds = st.sampled_from(sorted(LADDER.values()))
manipulated = st.builds(
    lambda f, p, a: {"function": f, "prevalence": p, "labelled": a}, kinds, st.floats(0.2, 0.8), st.floats(0.4, 1.0)
)
tasks = st.builds(
    lambda features, train, other: BooleanTask(
        features={f"f{i}": f for i, f in enumerate(features)}, bits=20, train=train, validation=other, test=other + 1
    ),
    st.lists(kinds | manipulated, min_size=1, max_size=4),
    st.integers(400, 500),
    st.integers(2, 90),
)


@settings(max_examples=40, deadline=None)
@given(task=tasks, seed=st.integers(0, 2**32))
def test_truths_of_every_task(task, seed, by_hand):
    seen = set()
    for name, split in splits(task, seed).items():
        assert split.inputs.dtype == np.uint8
        assert split.labels.dtype == np.int64
        assert split.inputs.shape == (getattr(task, name), *task.input_shape)
        assert split.inputs.max() <= 1
        values, labelled = values_by_hand(by_hand, task, split.inputs), split.labels != UNLABELLED
        np.testing.assert_array_equal(split.labels[labelled], values[labelled])
        keys = set(stimulus_keys(split.inputs))
        assert not keys & seen
        seen |= keys
        for i, feature in enumerate(task.features.values()):
            in_training = name == "train"
            wanted = feature.labelled if in_training else 1.0
            assert labelled[:, i].sum() == round(wanted * len(split))
            share = feature.prevalence if in_training else 0.5
            assert abs((split.labels[:, i] == 1).sum() - share * labelled[:, i].sum()) <= 1


@pytest.mark.parametrize("kind", LADDER.values())
def test_bits_are_uniform_over_the_patterns_that_give_the_label(kind):
    task = BooleanTask(features={"f": kind}, bits=24, train=20000)
    train, k = task.stimuli(1).train, task.features["f"].inputs
    pattern = train.inputs[:, :k].astype(int) @ (1 << np.arange(k))
    for label in (0, 1):
        counts = np.bincount(pattern[train.labels[:, 0] == label], minlength=2**k)
        counts = counts[counts > 0]
        expected = counts.mean()
        assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)
    assert np.abs(train.inputs[:, k:].mean(axis=0) - 0.5).max() < 5 * 0.5 / np.sqrt(len(train))


def test_same_seed_same_stimuli_other_seed_other_stimuli():
    task = BooleanTask(features=LADDER, **SMALL)
    for name, split in splits(task, 3).items():
        again, other = splits(task, 3)[name], splits(task, 4)[name]
        np.testing.assert_array_equal(split.inputs, again.inputs)
        np.testing.assert_array_equal(split.labels, again.labels)
        assert (split.inputs != other.inputs).mean() > 0.4
        assert (split.labels != other.labels).mean() > 0.4


def test_the_first_stimuli_are_those_of_every_machine():
    train = BooleanTask(features={"easy": "copy", "hard": "parity3"}).stimuli(0).train
    assert "".join(map(str, train.inputs[0])) == "11010000011110000100111111011100"
    assert train.labels[:8].tolist() == [[1, 0], [1, 1], [0, 1], [0, 0], [1, 0], [1, 0], [1, 1], [1, 0]]


def test_manipulations_touch_the_training_split_only():
    clean = BooleanTask(features={"a": "copy", "b": "parity3"}, **SMALL)
    shifted = BooleanTask(
        features={"a": {"function": "copy", "prevalence": 0.2, "labelled": 0.5}, "b": "parity3"}, **SMALL
    )
    for name in ("validation", "test"):
        np.testing.assert_array_equal(splits(shifted)[name].labels, splits(clean)[name].labels)
        np.testing.assert_array_equal(splits(shifted)[name].inputs, splits(clean)[name].inputs)
    train = splits(shifted)["train"].labels
    assert [(train[:, 0] == c).sum() for c in (UNLABELLED, 0, 1)] == [300, 240, 60]
    np.testing.assert_array_equal(train[:, 1], splits(clean)["train"].labels[:, 1])


def test_lower_prevalence_takes_ones_away_and_adds_none():
    def ones(prevalence):
        task = BooleanTask(features={"a": {"function": "copy", "prevalence": prevalence}}, **SMALL)
        return task.stimuli(0).train.labels[:, 0] == 1

    assert ones(0.2).sum() == 120
    assert not (ones(0.2) & ~ones(0.7)).any()


def test_splits_are_disjoint_in_a_space_that_just_allows_it_and_stay_whole_where_it_does_not():
    roomy = BooleanTask(features={"a": "copy"}, bits=13, train=4000, validation=1000, test=1000)
    keys = {name: set(stimulus_keys(split.inputs)) for name, split in splits(roomy).items()}
    assert not keys["train"] & keys["validation"]
    assert not keys["test"] & (keys["train"] | keys["validation"])
    cramped = BooleanTask(features={"a": "copy"}, bits=4, train=400, validation=100, test=100)
    for split in splits(cramped).values():
        np.testing.assert_array_equal(split.labels[:, 0], split.inputs[:, 0])


def test_a_shorthand_a_dictionary_and_a_spec_are_the_same_task():
    written = [
        BooleanTask(features={"a": feature, "b": "copy"})
        for feature in ("threshold5", {"function": "threshold", "inputs": 5}, BooleanFeature(function="threshold5"))
    ]
    assert len({task.digest() for task in written}) == 1
    assert BooleanTask.model_validate_json(written[0].canonical_json()) == written[0]


def test_the_order_of_features_is_the_order_of_outputs_and_bits_and_part_of_the_identity():
    task = BooleanTask(features={"hard": "parity3", "easy": "copy"}, bits=6)
    assert task.feature_names == ("hard", "easy")
    assert task.positions() == {"hard": (0, 1, 2), "easy": (3,)}
    assert task.distractors == (4, 5)
    assert (task.n_classes, task.input_shape) == ((2, 2), (6,))
    assert isinstance(task, Task)
    assert task.digest() != BooleanTask(features={"easy": "copy", "hard": "parity3"}, bits=6).digest()


@pytest.mark.parametrize(
    ("spec", "problems"),
    [
        (
            {"features": {"a": "paritty3"}},
            ["features.a.function: unknown boolean function 'paritty3'; did you mean 'parity'?"],
        ),
        ({"features": {"a": "zzz"}}, ["unknown boolean function 'zzz'; known: copy, and, or, xor, parity"]),
        (
            {"features": {"a": "threshold4"}},
            ["features.a: 'threshold' reads an odd number of bits, 3 or more, got inputs=4"],
        ),
        ({"features": {"a": "copy2"}}, ["'copy' reads exactly 1 bit, got inputs=2"]),
        ({"features": {"a": "xor3"}}, ["'xor' reads exactly 2 bits ('parity' reads more), got inputs=3"]),
        ({"features": {"a": "and1"}}, ["'and' reads 2 bits or more"]),
        ({"features": {"a": "or1"}}, ["'or' reads 2 bits or more"]),
        ({"features": {"a": "parity1"}}, ["'parity' reads 2 bits or more"]),
        ({"features": {"a": "xor_of_ands5"}}, ["'xor_of_ands' reads an even number of bits, 4 or more"]),
        ({"features": {"a": "parity17"}}, ["features.a.inputs: Input should be less than or equal to 16 (got 17)"]),
        ({"features": {}}, ["features: "]),
        ({"features": {"": "copy"}}, ["at least 1 character"]),
        ({"features": {"a": 3}}, ["features.a: "]),
        ({"features": {"a": "copy"}, "train": 1, "test": 0}, ["2 problems", "train: ", "test: ", "(got 0)"]),
        (
            {"features": {"a": {"function": "copy", "prevalence": 1.0, "labelled": 0}}},
            ["a.prevalence: ", "a.labelled: "],
        ),
        (
            {"features": {"a": "parity5", "b": "copy"}, "bits": 5},
            ["the features read 6 bits (a 5, b 1) and bits=5; set bits to 6 or more"],
        ),
        (
            {
                "features": {
                    "a": {"function": "copy", "prevalence": 0.02},
                    "b": {"function": "copy", "labelled": 0.05},
                },
                "bits": 1,
                "train": 1000,
            },
            [
                "the features read 2 bits",
                "a: prevalence=0.02 and labelled=1 of 1000 training items leave 20 ones and 980 zeros; 30 of each are",
                "b: prevalence=0.5 and labelled=0.05 of 1000 training items leave 25 ones and 25 zeros",
            ],
        ),
    ],
)
def test_a_wrong_task_is_refused_with_every_problem_named(spec, problems):
    with pytest.raises(ValidationError) as error:
        BooleanTask(**spec)
    text = explain(error.value, "task")
    for problem in problems:
        assert problem in text
