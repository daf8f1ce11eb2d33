"""Nested features, and features that identify repeated stimuli, are noted; with repeats the numbers are right."""

import numpy as np
import pytest

from repbias.audit.arrays import audit_arrays
from repbias.audit.nesting import within_class

FEW = {"permutations": 100, "resamples": 100, "classifier": "nearest_mean", "progress": False}


def presentations(seed, n_stimuli=24, shown=10):
    """Return activity, the stimulus of each row, and a random grouping of the stimuli."""
    rng = np.random.default_rng(seed)
    image = rng.permutation(np.repeat(np.arange(n_stimuli), shown))
    x = 2 * rng.normal(size=(n_stimuli, 20))[image] + rng.normal(size=(len(image), 20))
    return x, image, rng.permutation(np.arange(n_stimuli) % 3)[image]


def of(report, feature):
    table = report.table()
    return table[table["feature"] == feature].set_index("measure")


def rates(repeats, *, declared):
    found = []
    for seed in range(repeats):
        x, image, grouping = presentations(seed)
        report = audit_arrays({"x": x}, {"g": grouping}, repeats=image if declared else None, seed=seed, **FEW)
        table = of(report, "g")
        found.append([table.loc[measure, "p"] <= 0.05 for measure in ("r2", "decodability")])
    return np.mean(found, axis=0)


def test_random_groupings_of_repeated_stimuli_are_detected_where_repeats_are_not_declared():
    assert (rates(5, declared=False) == 1).all()


@pytest.mark.slow
def test_random_groupings_of_repeated_stimuli_are_detected_in_one_of_twenty_where_repeats_are_declared():
    assert (rates(300, declared=True) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)).all()


def test_a_feature_that_identifies_stimuli_is_noted_and_determines_the_other():
    x, image, grouping = presentations(0)
    notes = audit_arrays({"x": x}, {"image": image, "g": grouping}, **FEW).notes
    assert any("'image' determines 'g' (nested)" in note for note in notes)
    assert any("'image' may identify stimuli that are presented repeatedly" in note for note in notes)


def test_classes_that_are_not_far_more_alike_are_not_noted():
    rng = np.random.default_rng(0)
    features = {"word": np.arange(240) % 24, "side": rng.integers(0, 2, 240)}
    x = rng.normal(size=(240, 20)) + 0.3 * rng.normal(size=(24, 20))[features["word"]]
    notes = audit_arrays({"x": x}, features, **FEW).notes
    assert not any("may identify" in note or "nested" in note for note in notes)


def test_the_same_grouping_under_two_names_is_noted():
    side = np.random.default_rng(0).integers(0, 2, 60)
    x = np.random.default_rng(1).normal(size=(60, 5))
    notes = audit_arrays({"x": x}, {"side": side, "hand": 1 - side}, **FEW).notes
    assert sum("'hand' and 'side' divide the stimuli into the same classes" in note for note in notes) == 1


def test_identity_is_refused_beside_repeats_and_audited_alone():
    x, image, grouping = presentations(0)
    with pytest.raises(ValueError, match="'image' tells the stimuli of repeats apart"):
        audit_arrays({"x": x}, {"image": image, "g": grouping}, repeats=image, **FEW)
    alone = of(audit_arrays({"x": x}, {"image": image}, **FEW), "image")
    ceiling = of(audit_arrays({"x": x}, {"g": grouping}, repeats=image, **FEW), "(all)")
    assert alone.loc["r2_unbiased", "value"] == pytest.approx(ceiling.loc["noise_ceiling", "value"], abs=0.02)


def test_the_intraclass_correlation_is_that_of_the_population():
    rng = np.random.default_rng(0)
    numbers = np.repeat(np.arange(200), rng.integers(2, 6, 200))
    x = 0.5 * rng.normal(size=(200, 10))[numbers] + rng.normal(size=(len(numbers), 10))
    x -= x.mean(0)
    assert within_class([x[:, :4], x[:, 4:]], numbers) == pytest.approx(0.2, abs=0.03)
    assert within_class([rng.normal(size=x.shape)], numbers) < 0.03
