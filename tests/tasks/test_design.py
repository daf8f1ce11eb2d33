"""A sound design passes, each broken one fails in its own row, and the bounds fail as often as they say."""

from dataclasses import replace

import numpy as np
import pytest

from repbias.tasks import UNLABELLED, BooleanTask, Manipulation, Split, Stimuli, check_design

FEATURES = {"easy": "copy", "hard": "parity3"}
SIZES = {"bits": 32, "train": 2000, "validation": 1000, "test": 1000}


class Broken(BooleanTask):
    """A sound task to which a test does one thing, in one split."""

    split: str = "test"
    break_it: str = "nothing"

    def stimuli(self, seed: int) -> Stimuli:
        stimuli = super().stimuli(seed)
        return replace(stimuli, **{self.split: BREAKAGES[self.break_it](stimuli, getattr(stimuli, self.split))})


def correlated(_, split):
    labels = split.labels.copy()
    labels[: len(labels) // 2, 1] = labels[: len(labels) // 2, 0]
    return Split(split.inputs, labels)


def leaking(_, split):
    inputs = split.inputs.copy()
    inputs[::4, 20] = split.labels[::4, 1]
    return Split(inputs, split.labels)


def overlapping(stimuli, split):
    inputs = split.inputs.copy()
    inputs[7] = stimuli.train.inputs[9]
    return Split(inputs, split.labels)


def unbalanced(_, split):
    kept = (split.labels[:, 1] == 1) | (np.arange(len(split)) % 3 > 0)
    return Split(split.inputs[kept], split.labels[kept])


def unlabelled(_, split):
    labels = split.labels.copy()
    labels[:50, 1] = UNLABELLED
    return Split(split.inputs, labels)


BREAKAGES = {f.__name__: f for f in (correlated, leaking, overlapping, unbalanced, unlabelled)}


def failed_rows(task):
    check = check_design(task)
    table = check.table()
    assert check.passed == bool(table.passed.all())
    return {(r.check, r.feature, r.split) for r in table[~table.passed].itertuples()}


@pytest.mark.parametrize("bits", [4, 32])
def test_a_sound_design_passes(bits):
    sizes = {"train": 6, "validation": 2, "test": 2} if bits == 4 else {}
    checks = [check_design(BooleanTask(features=FEATURES, bits=bits, **sizes), seed) for seed in range(3)]
    for check in checks:
        rows = check.table()
        assert bits == 4 or check.passed, check.failures()
        assert list(rows.columns) == ["check", "feature", "split", "value", "bound", "passed", "note"]
        assert len(rows) == 1 + 1 + 6 + 6 + 3 + 6 + 3
        assert (rows.passed == (rows.value <= rows.bound)).all()


def test_the_check_is_the_same_at_every_call():
    task = BooleanTask(features=FEATURES, **SIZES)
    assert check_design(task, 5) == check_design(task, 5)
    assert check_design(task, 5) != check_design(task, 6)


@pytest.mark.parametrize(
    ("breakage", "split", "rows"),
    [
        ("correlated", "train", {("independence", "easy, hard", "train"), ("foreign bits", "hard", "train")}),
        ("correlated", "test", {("independence", "easy, hard", "test"), ("foreign bits", "hard", "test")}),
        ("leaking", "validation", {("foreign bits", "hard", "validation")}),
        ("overlapping", "validation", {("overlap", "all", "train, validation")}),
        ("overlapping", "test", {("overlap", "all", "train, test")}),
        ("unbalanced", "test", {("label balance", "hard", "test")}),
        ("unlabelled", "validation", {("labelled", "hard", "validation")}),
        ("unlabelled", "train", {("labelled", "hard", "train"), ("equal loss weight", "all", "train")}),
    ],
)
def test_a_broken_design_fails_in_the_right_rows(breakage, split, rows):
    task = Broken(features=FEATURES, **SIZES, break_it=breakage, split=split)
    assert failed_rows(task) == rows
    for row in rows:
        assert ", ".join(row) in check_design(task).failures()


def test_the_leaking_bit_is_named():
    assert "strongest: bit 20" in check_design(Broken(features=FEATURES, **SIZES, break_it="leaking")).failures()


def test_declared_manipulations_pass_and_are_shown():
    features = {"rare": {"function": "copy", "prevalence": 0.2}, "seldom": {"function": "parity3", "labelled": 0.25}}
    check = check_design(BooleanTask(features=features, **SIZES))
    assert check.passed, check.failures()
    notes = check.table().set_index(["check", "feature", "split"]).note
    assert notes["label balance", "rare", "train"] == "class shares 0.8, 0.2, declared: the training set is manipulated"
    assert "labelled in 0.25 of the items, declared" in notes["labelled", "seldom", "train"]
    assert "seldom labelled less often" in notes["equal loss weight", "all", "train"]
    assert not notes["label balance", "rare", "test"].endswith("manipulated")


def test_a_space_too_small_for_three_splits_is_named_with_what_to_do():
    failures = check_design(BooleanTask(features=FEATURES, bits=6, train=500, validation=100, test=100)).failures()
    assert "overlap, all, train, validation" in failures
    assert "700 stimuli" in failures


def test_a_space_so_small_that_keeping_splits_apart_skews_them_is_noticed():
    task = BooleanTask(features=FEATURES, bits=8, train=500, validation=100, test=100)
    assert "use more bits, or fewer stimuli" in check_design(task).failures()


class Colours(BooleanTask):
    """Three classes beside two: roles that are not matched, declared but for the number of classes."""

    @property
    def n_classes(self):
        return (3, 2)

    @property
    def manipulations(self):
        return {"easy": Manipulation((0.2, 0.3, 0.5))}

    def positions(self):
        return {}

    def stimuli(self, seed):
        def third_class(split, shares):
            column = np.repeat(np.arange(3), np.round(np.array(shares) * len(split)).astype(int))
            column = np.random.default_rng(seed).permutation(np.resize(column, len(split)))
            return Split(split.inputs, np.stack([column, split.labels[:, 1]], axis=1))

        s = super().stimuli(seed)
        even = (1 / 3,) * 3
        shares = ((0.2, 0.3, 0.5), even, even)
        return Stimuli(
            *(third_class(split, share) for split, share in zip((s.train, s.validation, s.test), shares, strict=True))
        )


def test_any_number_of_classes_is_checked_and_unequal_numbers_fail():
    task = Colours(features=FEATURES, **SIZES)
    assert failed_rows(task) == {("equal outputs", "all", "all")}
    assert "numbers of classes: 2, 3" in check_design(task).failures()
    assert "foreign bits" not in set(check_design(task).table().check)


@pytest.mark.parametrize("check", ["independence", "foreign bits"])
def test_sound_designs_fail_as_often_as_alpha_says(check):
    task = BooleanTask(features={**FEATURES, "third": "xor"}, bits=24, train=400, validation=300, test=300)
    failed = 0
    for seed in range(150):
        table = check_design(task, seed, alpha=0.2).table()
        failed += not table[table.check == check].passed.all()
    assert 0.08 < failed / 150 < 0.30


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.full((8, 2), 2), "'easy' in train .*got 2 to 2"),
        (np.full((8, 2), -2), "got -2 to -2"),
        (np.zeros((8, 1), dtype=int), r"train .*\(8, 2\), got \(8, 1\)"),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels, message):
    class Wrong(BooleanTask):
        def stimuli(self, seed):
            stimuli = super().stimuli(seed)
            return replace(stimuli, train=Split(stimuli.train.inputs[: len(labels)], labels))

    with pytest.raises(ValueError, match=message):
        check_design(Wrong(features=FEATURES, **SIZES))


@pytest.mark.parametrize("alpha", [0, 1, -0.1])
def test_alpha_is_a_probability(alpha):
    with pytest.raises(ValueError, match="alpha"):
        check_design(BooleanTask(features=FEATURES, **SIZES), alpha=alpha)
