"""Studies as data: what is refused, with every problem at once, and what a run's id depends on."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tiny_studies import study_text, write_study

from repbias import MLP, SGD, Adam, BooleanTask, Phase, Training
from repbias.experiments import Claim, Condition, Scale, Study
from repbias.experiments.condition import RESULTS_VERSION
from repbias.experiments.contrasts import FeatureDifference
from repbias.experiments.study import read_study
from repbias.studies import NAMES, find_study

SLOPE = {"kind": "layer slope", "more": "easy", "less": "hard"}
GROWTH = {"kind": "growth", "feature": "easy", "over": ["easy", "end"]}


def data(**changes: Any) -> dict[str, Any]:
    return {"name": "tiny", **tomllib.loads(study_text()), **changes}


def condition(**changes: Any) -> dict[str, Any]:
    return {**data()["conditions"][0], **changes}


def claim(**contrast: Any) -> dict[str, Any]:
    (stated,) = data()["claims"]
    return {**stated, "contrast": {**stated["contrast"], **contrast}}


def refused(tmp_path: Path, text: str) -> str:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"own\.toml") as caught:
        read_study(path)
    return str(caught.value)


class TestReading:
    def test_toml_and_python_are_the_same_object_with_the_same_run_ids(self, tmp_path: Path) -> None:
        own = Study(
            name="tiny",
            question="Is the copy favoured?",
            conditions=(
                Condition(
                    name="short",
                    factors={"steps": "60"},
                    task=BooleanTask(
                        features={"easy": "copy", "hard": "and"}, bits=12, train=512, validation=128, test=128
                    ),
                    model=MLP(widths=(16, 16)),
                    training=Training(optimizer=Adam(lr=0.01), batch=64, phases=(Phase(until="steps", steps=60),)),
                    steps=60,
                ),
            ),
            scales={"quick": Scale(seeds=3)},
            claims=(
                Claim(
                    id="T1",
                    statement="The copy explains more than the conjunction",
                    contrast=FeatureDifference(more="easy", less="hard"),
                    sesoi=0.001,
                ),
            ),
        )
        read = read_study(write_study(tmp_path / "tiny.toml"))
        assert read == own
        ids = [[c.network(seed).run_id for c in study.conditions for seed in range(3)] for study in (read, own)]
        assert ids[0] == ids[1]
        assert len(set(ids[0])) == 3

    def test_a_study_survives_its_json(self) -> None:
        for study in (find_study("complexity"), Study.model_validate(data())):
            again = Study.model_validate(study.model_dump(mode="json"))
            assert again == study
            assert again.conditions[0].network(0).run_id == study.conditions[0].network(0).run_id

    def test_name_and_scales_have_defaults(self, tmp_path: Path) -> None:
        text = study_text().replace("[scales.quick]\nseeds = 3\n", "")
        path = tmp_path / "my-study.toml"
        path.write_text(text)
        study = read_study(path)
        assert study.name == "my-study"
        assert {scale: study.scales[scale].seeds for scale in study.scales} == {"quick": 4, "full": 20}

    def test_every_problem_is_listed_at_once(self, tmp_path: Path) -> None:
        text = study_text(claims={"T1": 0.1, "T2": 0.1})
        text = text.replace('question = "Is the copy favoured?"', "questoin = 1")
        text = text.replace("seeds = 3", 'seeds = 3\nconditions = ["shrot", "short"]\n[scales.full]\nseeds = 0')
        text = text.replace('more = "easy", less = "hard"', 'more = "eesy", less = "hard"', 1)
        text = text.replace('more = "easy", less = "hard"', 'more = "easy", less = "hart"', 1)
        said = refused(tmp_path, text)
        for word in (
            "question: Field required",
            "questoin: there is no such field; did you mean 'question'? (got 1)",
            "full.seeds: Input should be greater than or equal to 1 (got 0)",
            "no feature 'eesy'; did you mean 'easy'?",
            "no feature 'hart'; did you mean 'hard'?",
        ):
            assert word in said
        said = refused(tmp_path, text.replace("seeds = 0", "seeds = 1"))
        assert "scale 'quick': no condition is called 'shrot'; did you mean 'short'?" in said
        assert "'eesy'" in said

    def test_problems_of_conditions_are_listed_together(self, tmp_path: Path) -> None:
        text = study_text({"one": 60, "two": 60}).replace("batch = 64", "batch = 513", 1)
        text = text.replace("bits = 12", "bits = 12, prevalence = 2", 1)
        text = text[::-1].replace("widths"[::-1], "width"[::-1], 1)[::-1]
        said = refused(tmp_path, text)
        assert "conditions.0.task.boolean.prevalence" in said
        assert "conditions.1.model.mlp.width" in said
        assert "claim" not in said  # of conditions that were refused, nothing is known

    def test_bad_toml_says_where(self, tmp_path: Path) -> None:
        assert "is not TOML" in refused(tmp_path, "question = \n")
        assert "line 1" in refused(tmp_path, "question = \n")

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("bytes.toml", "is not TOML"),
            ("absent.toml", r"absent\.toml: No such file"),
            ("folder.toml", r"folder\.toml: Is a directory"),
            ("complexity.toml", "'complexity' is the name of a study"),
        ],
    )
    def test_what_is_no_study_or_takes_the_name_of_another_is_refused(
        self, tmp_path: Path, name: str, message: str
    ) -> None:
        (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
        (tmp_path / "folder.toml").mkdir()
        write_study(tmp_path / "complexity.toml")
        with pytest.raises(ValueError, match=message):
            find_study(str(tmp_path / name))

    def test_an_unknown_study_suggests_the_nearest(self) -> None:
        with pytest.raises(ValueError, match=r"did you mean 'complexity'( or .*)?\?\)"):
            find_study("complexty")


ONE_LAYER = condition(model={"widths": [16]})
NOT_ALL_LAYERS = condition(layers=["hidden.0", "readout"])
REFUSED = {
    "an unknown feature in a phase": (
        data(conditions=[condition(training={"phases": [{"features": ["eesy"]}]}, steps=60)]),
        "phase 0: no feature is called 'eesy'; did you mean 'easy'",
    ),
    "a batch larger than the set": (
        data(conditions=[condition(training={"batch": 513})]),
        "a batch of 513 is larger than the training set of 512",
    ),
    "too few bits": (
        data(conditions=[condition(task={"features": {"a": "copy", "b": "parity3"}, "bits": 3})]),
        "the features read 4 bits",
    ),
    "a prevalence of one": (
        data(conditions=[condition(task={"features": {"easy": {"function": "copy", "prevalence": 1.0}}})]),
        "less than 1",
    ),
    "a prevalence of zero": (
        data(conditions=[condition(task={"features": {"easy": {"function": "copy", "prevalence": 0}}})]),
        "greater than 0",
    ),
    "two conditions of one name": (data(conditions=[condition(), condition()]), "different names; repeated: short"),
    "no conditions": (data(conditions=[]), "at least 1 item"),
    "a scale without conditions": (data(scales={"quick": {"seeds": 1, "conditions": []}}), "at least 1 item"),
    "a scale of another name": (data(scales={"huge": {"seeds": 1}}), "'quick' or 'full'"),
    "a name that is no file's": (data(name="../up"), "should match pattern"),
    "an unknown measure": (data(claims=[claim(measure="r3")]), "has no measure 'r3'; did you mean 'r2'"),
    "a measure of all features as that of one": (data(claims=[claim(measure="joint_r2")]), "no measure 'joint_r2'"),
    "a task of no kind": (
        data(conditions=[condition(task={"kind": "symbl", "features": {"a": 1}})]),
        "boolean, symbol, string, image",
    ),
    "an unknown layer": (data(claims=[claim(layer="hiden.1")]), "does not measure layer 'hiden.1'; did you mean"),
    "a penultimate layer that is not measured": (
        data(conditions=[NOT_ALL_LAYERS]),
        "does not measure layer 'hidden.1'",
    ),
    "the last step as a feature": (data(claims=[claim(more="end")]), "has no feature 'end'"),
    "the growth of the last step": (data(claims=[{**claim(), "contrast": {**GROWTH, "feature": "end"}}]), "no feature"),
    "an unknown event": (data(claims=[{**claim(), "contrast": {**GROWTH, "over": ["easy", "End"]}}]), "feature 'End'"),
    "a feature called end": (
        data(
            conditions=[condition(task={"features": {"easy": "copy", "end": "and"}})],
            claims=[{**claim(), "contrast": GROWTH}],
        ),
        "has a feature called 'end'",
    ),
    "a slope over one layer": (
        data(conditions=[ONE_LAYER], claims=[{**claim(), "contrast": SLOPE}]),
        "a slope over layers needs two",
    ),
    "a measure named like one of ours": (
        data(conditions=[condition(measures={"r2": "math:hypot"})]),
        "r2 is measured already",
    ),
}


@pytest.mark.parametrize(("given", "words"), REFUSED.values(), ids=REFUSED)
def test_a_study_whose_parts_do_not_fit_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Study.model_validate(given)
    assert words in str(caught.value)


def test_claims_on_every_kind_of_layer_and_measure_are_accepted() -> None:
    claims = [
        claim(layer="input"), claim(layer="readout"), claim(layer="hidden.0", measure="density_0.1"),
        claim(measure="mine"), {**claim(), "contrast": SLOPE}, {**claim(), "contrast": GROWTH},
    ]  # fmt: skip
    conditions = [condition(layers=["hidden.*", "readout"], measures={"mine": "math:hypot"})]
    assert len(Study.model_validate(data(conditions=conditions, claims=claims)).claims) == 6


class TestRunIds:
    def test_the_first_networks_of_the_studies_are_pinned(self) -> None:
        """Whoever changes what a run computes raises RESULTS_VERSION, and pins anew; old runs are then made again."""
        assert RESULTS_VERSION == 3
        pinned = {
            "complexity": "4b57f186de5186e5-0000",
            "order": "4f12ff2567284262-0000",
            "isolation": "a77407532743fe27-0000",
            "components": "95aa1ba25e83d39c-0000",
            "dynamics": "4b57f186de5186e5-0000",
            "optimizer": "4d9df39b0803ed11-0000",
            "architecture": "50b37f4feda057c6-0000",
            "correlation": "7631244bc6fcde23-0000",
            "difficulty": "ce718f1c6024a8c6-0000",
            "digits_and_colour": "97c34f068024a14d-0000",
            "prevalence": "1199c695aabdd92e-0000",
            "depth": "a34cfa92c41ee14c-0000",
            "width": "0c31622683cfcf55-0000",
            "number": "27d95feef5da9f63-0000",
            "classes": "33a0943d6d553ac1-0000",
            "pca": "4b57f186de5186e5-0000",
            "steering": "94ff3167a7039bec-0000",
            "reliance": "4b57f186de5186e5-0000",
            "clustering": "4b57f186de5186e5-0000",
            "rsa": "c711d534cbd0a06b-0000",
            "regression": "c711d534cbd0a06b-0000",
            "encryption": "33a0943d6d553ac1-0000",
            "debiased": "c711d534cbd0a06b-0000",
            "autoencoder": "94ff3167a7039bec-0000",
            "position": "ad925cecd5f048c0-0000",
            "position_learning": "ad925cecd5f048c0-0000",
            "position_complexity": "ddc23f02799bbd3d-0000",
            "integration": "9c3f0dda53ad432b-0000",
            "string_complexity": "fe8ff453564b0686-0000",
            "string_order": "4fe3acfe478e14af-0000",
            "string_prevalence": "94a8d40b6281381a-0000",
            "string_methods": "85cc8c5eb4e17e5e-0000",
            "string_rsa": "85cc8c5eb4e17e5e-0000",
            "transformer_shape": "5bbd1690301b42c9-0000",
            "vision": "b5501cb75fd4d9a1-0000",
            "vision_layers": "bb044130a9c07481-0000",
            "vision_order": "3050405055351112-0000",
            "vision_prevalence": "938e2b770d0dac83-0000",
            "vision_relation": "b4392cb0f73c4543-0000",
            "vision_methods": "77e85a86476010e3-0000",
            "vision_rsa": "92527699a9189478-0000",
            "trifeature2020": "103f743d00949430-0000",
        }
        assert {name: find_study(name).conditions[0].network(0).run_id for name in NAMES} == pinned

    def test_networks_differ_in_the_seed_alone(self) -> None:
        own = Condition.model_validate(condition())
        assert [own.network(seed).run_id[-5:] for seed in (0, 7)] == ["-0000", "-0007"]
        assert own.network(0).run_id[:-5] == own.network(7).run_id[:-5]

    def test_names_factors_and_expected_steps_are_no_part_of_it(self) -> None:
        renamed = condition(name="another", factors={"a": "b"}, steps=1)
        assert run_id(renamed) == run_id(condition())

    @pytest.mark.parametrize(
        ("part", "changes"),
        [
            ("task", {"bits": 13}),
            ("task", {"train": 513}),
            ("task", {"validation": 129}),
            ("task", {"test": 129}),
            ("task", {"features": {"hard": "and", "easy": "copy"}}),
            ("task", {"features": {"easy": "copy", "hard": "or"}}),
            ("task", {"features": {"easy": "copy", "hard": {"function": "and", "prevalence": 0.25}}}),
            ("task", {"features": {"easy": "copy", "hard": {"function": "and", "labelled": 0.25}}}),
            ("model", {"widths": [16]}),
            ("model", {"activation": "relu"}),
            ("model", {"dropout": 0.1}),
            ("model", {"norm": "layer"}),
            ("model", {"residual": True}),
            ("model", {"init": "he"}),
            ("model", {"gain": 2.0}),
            ("task", {"agreement": {"first": "easy", "second": "hard", "share": 0.75}}),
            ("task", {"probes": {"bit": {"function": "copy", "positions": [3]}}}),
            ("training", {"optimizer": {"kind": "rmsprop", "lr": 0.01}}),
            ("training", {"optimizer": {"kind": "sgd", "lr": 0.01}}),
            ("training", {"optimizer": {"kind": "adam", "lr": 0.02}}),
            ("training", {"batch": 65}),
            ("training", {"mastery_accuracy": 0.98}),
            ("training", {"check_every": 100}),
            ("training", {"checkpoints_per_decade": 7}),
            ("training", {"phases": [{"until": "steps", "steps": 61}]}),
            ("training", {"phases": [{"until": "mastery", "steps": 60}]}),
            ("training", {"phases": [{"until": "steps", "steps": 60, "features": ["easy"]}]}),
        ],
        ids=str,
    )
    def test_every_setting_is_part_of_it(self, part: str, changes: dict[str, Any]) -> None:
        changed = condition()
        changed[part] = {**changed[part], **changes}
        assert run_id(changed) != run_id(condition())

    @pytest.mark.parametrize(("part", "field"), [("task", "agreement"), ("task", "probes"), ("model", "gain")])
    def test_an_optional_field_that_is_not_used_is_no_part_of_it(self, part: str, field: str) -> None:
        written = condition()
        written[part] = {**written[part], field: None}
        assert run_id(written) == run_id(condition())

    @pytest.mark.parametrize("changes", [{"layers": ["hidden.*"]}, {"measures": {"mine": "math:hypot"}}], ids=str)
    def test_what_is_measured_is_part_of_it(self, changes: dict[str, Any]) -> None:
        assert run_id(condition(**changes)) != run_id(condition())

    def test_defaults_written_out_change_nothing(self) -> None:
        named = condition(layers=["hidden.0", "hidden.1", "readout"], model=MLP(widths=(16, 16)).model_dump())
        assert run_id(named) == run_id(condition())
        assert Training(optimizer=SGD()) == Training.model_validate({"optimizer": "sgd"})

    def test_so_is_the_version_of_the_results(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = run_id(condition())
        monkeypatch.setattr("repbias.experiments.condition.RESULTS_VERSION", RESULTS_VERSION + 1)
        assert run_id(condition()) != before


def run_id(given: dict[str, Any]) -> str:
    return Condition.model_validate(given).network(3).run_id
