"""Features that agree in training alone, and probes: shares to the item, values by hand, and what the check says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repbias.tasks import Agreement, BooleanTask, Probe, check_design

FEATURES: dict[str, Any] = {"easy": "copy", "hard": "parity3"}
SIZES = {"bits": 16, "train": 2000, "validation": 1000, "test": 1000}


def task(share: float, **changes: Any) -> BooleanTask:
    agreement = Agreement(first="easy", second="hard", share=share)
    return BooleanTask(**{"features": FEATURES, "agreement": agreement, **SIZES, **changes})


class Undeclared(BooleanTask):
    """The same labels, of which the task says nothing."""

    @property
    def agreements(self) -> dict[frozenset[str], float]:
        return {}


class TestAgreement:
    @settings(max_examples=25)
    @given(share=st.floats(0, 1), train=st.integers(50, 401), seed=st.integers(0, 2**32))
    def test_the_share_is_exact_and_both_stay_balanced_in_training(self, share: float, train: int, seed: int) -> None:
        labels = task(share, train=train, validation=50, test=50).stimuli(seed).train.labels
        assert abs((labels[:, 0] == labels[:, 1]).sum() - share * train) <= 1 + 1e-9
        assert (np.abs(labels.sum(axis=0) - train / 2) <= 1).all()

    @pytest.mark.parametrize("share", [0.0, 0.5, 0.65, 0.8, 0.95, 1.0])
    def test_the_studies_shares_in_each_class_of_the_first(self, share: float) -> None:
        first, second = task(share).stimuli(3).train.labels.T
        for value in (0, 1):
            assert (second[first == value] == value).sum() == round(share * 1000)

    def test_the_labels_are_the_functions_of_the_bits(self) -> None:
        for split in vars(task(0.8).stimuli(1)).values():
            np.testing.assert_array_equal(split.labels[:, 0], split.inputs[:, 0])
            np.testing.assert_array_equal(split.labels[:, 1], split.inputs[:, 1:4].sum(axis=1) % 2)

    def test_validation_and_test_are_what_they_are_without_it(self) -> None:
        with_it, without = task(0.95).stimuli(2), BooleanTask(features=FEATURES, **SIZES).stimuli(2)
        for name in ("validation", "test"):
            np.testing.assert_array_equal(getattr(with_it, name).labels, getattr(without, name).labels)
            assert abs(np.corrcoef(getattr(with_it, name).labels.T)[0, 1]) < 0.1
        np.testing.assert_array_equal(with_it.train.labels[:, 0], without.train.labels[:, 0])

    def test_the_order_of_the_features_does_not_matter_to_it(self) -> None:
        turned = task(0.9, features=dict(reversed(FEATURES.items()))).stimuli(4).train.labels
        assert (turned[:, 0] == turned[:, 1]).mean() == 0.9

    @pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
    def test_declared_it_passes_the_design_check_and_is_shown(self, share: float) -> None:
        check = check_design(task(share))
        assert check.passed, check.failures()
        notes = check.table().set_index(["check", "split"]).note
        assert notes["independence", "train"].startswith(f"declared to agree in {share:g} of the items")
        assert "declared" not in notes["independence", "test"]

    @pytest.mark.parametrize("share", [0.05, 0.65, 0.95])
    def test_undeclared_it_fails(self, share: float) -> None:
        check = check_design(Undeclared(**dict(task(share))))
        failed = {(f.check, f.feature, f.split) for f in check.findings if not f.passed}
        assert ("independence", "easy, hard", "train") in failed
        assert ("foreign bits", "hard", "train") in failed
        assert {split for _, _, split in failed} == {"train"}

    def test_another_share_than_the_declared_fails(self) -> None:
        class Elsewhere(BooleanTask):
            @property
            def agreements(self) -> dict[frozenset[str], float]:
                return {frozenset(("easy", "hard")): 0.9}

        failed = {(f.check, f.split) for f in check_design(Elsewhere(**dict(task(0.8)))).findings if not f.passed}
        assert failed == {("independence", "train")}

    @pytest.mark.parametrize(
        ("agreement", "features", "message"),
        [
            ({"first": "easy", "second": "hrad"}, FEATURES, "no feature is called 'hrad'; did you mean 'hard'"),
            ({"first": "easy", "second": "hard", "share": -0.1}, FEATURES, "share"),
            ({"first": "easy", "second": "hard", "share": 1.1}, FEATURES, "share"),
            ({"first": "easy", "second": "easy"}, FEATURES, "'easy' twice"),
            (
                {"first": "easy", "second": "hard"},
                {"easy": "copy", "hard": {"function": "xor", "prevalence": 0.3}},
                r"prevalence=0\.5 and labelled=1",
            ),
            (
                {"first": "easy", "second": "hard"},
                {"easy": {"function": "copy", "labelled": 0.5}, "hard": "xor"},
                "labelled=1",
            ),
        ],
    )
    def test_what_cannot_agree_is_refused(self, agreement: Any, features: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            BooleanTask(features=features, agreement=Agreement(**{"share": 0.8, **agreement}))


class TestProbes:
    BITS = np.array([[0, 0, 1, 1], [1, 1, 0, 1], [1, 0, 1, 0], [0, 1, 1, 1]], dtype=np.uint8)

    @pytest.mark.parametrize(
        ("function", "positions", "expected"),
        [
            ("copy", (2,), [1, 0, 1, 1]),
            ("and", (0, 3), [0, 1, 0, 0]),
            ("xor", (1, 2), [1, 1, 1, 0]),
            ("parity", (3, 1, 0), [1, 1, 1, 0]),
            ("threshold", (0, 1, 3), [0, 1, 0, 1]),
            ("xor_of_ands", (0, 1, 2, 3), [1, 1, 0, 1]),
            ("xor_of_ands", (0, 2, 1, 3), [0, 1, 1, 1]),
        ],
    )
    def test_a_probe_has_the_values_computed_by_hand(
        self, function: str, positions: tuple[int, ...], expected: list[int]
    ) -> None:
        assert Probe(function=function, positions=positions).values(self.BITS).tolist() == expected

    def test_they_are_measured_after_the_features_and_reported_by_no_output(self) -> None:
        probes = {"bit": Probe(function="copy", positions=(2,)), "again": Probe(function="parity", positions=(1, 2, 3))}
        own = BooleanTask(features=FEATURES, probes=probes, **SIZES)
        split = own.stimuli(0).test
        assert own.feature_names == ("easy", "hard")
        assert own.measured_names == ("easy", "hard", "bit", "again")
        measured = own.measured_labels(split)
        np.testing.assert_array_equal(measured[:, :2], split.labels)
        np.testing.assert_array_equal(measured[:, 2], split.inputs[:, 2])
        np.testing.assert_array_equal(measured[:, 3], split.labels[:, 1])

    def test_they_leave_the_stimuli_as_they_were(self) -> None:
        probed = BooleanTask(features=FEATURES, probes={"bit": Probe(function="copy", positions=(2,))}, **SIZES)
        plain = BooleanTask(features=FEATURES, **SIZES)
        for name in ("train", "validation", "test"):
            split, other = getattr(probed.stimuli(7), name), getattr(plain.stimuli(7), name)
            np.testing.assert_array_equal(split.inputs, other.inputs)
            np.testing.assert_array_equal(split.labels, other.labels)

    @pytest.mark.parametrize(
        ("name", "probe", "message"),
        [
            ("bit", {"function": "copi", "positions": [0]}, "did you mean 'copy'"),
            ("bit", {"function": "xor", "positions": [0]}, "'xor' reads exactly 2 bits"),
            ("bit", {"function": "copy", "positions": [16]}, "reads bit 16, and the last one is 15"),
            ("bit", {"function": "copy", "positions": [-1]}, "greater than or equal to 0"),
            ("hard", {"function": "copy", "positions": [0]}, "probe 'hard' has the name of a feature"),
        ],
    )
    def test_what_cannot_be_measured_is_refused(self, name: str, probe: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            BooleanTask(features=FEATURES, probes={name: probe}, **SIZES)
