"""The scale of units changes measures of variance as it says, and never what is decoded."""

import numpy as np
import pytest

import repbias
from repbias.audit.arrays import audit_arrays
from repbias.audit.inputs import check_stimuli
from repbias.audit.scaling import scale_notes, scaled

N = 200
RNG = np.random.default_rng(0)
SIDE, STIMULUS = np.arange(N) % 2, np.arange(N) // 4
X = RNG.normal(size=(N, 10)) + np.eye(10)[0] * 2 * SIDE[:, None]
LARGE = X * np.where(np.arange(10) == 5, 1000, 1)
FEW = {"resamples": 100, "permutations": 50, "progress": False}


def report(x, **settings):
    return audit_arrays({"V4": x}, {"side": SIDE}, **FEW, **settings)


def rows(found, measure):
    return found.results.query("measure == @measure and feature == 'side'")[["value", "p"]].to_numpy()[0]


def test_one_large_unit_is_told_and_changes_r2_but_not_what_is_decoded():
    plain, large = report(X), report(LARGE)
    assert rows(plain, "decodability") == pytest.approx(rows(large, "decodability"), abs=1e-6)
    assert rows(plain, "decodability")[0] > 0.8
    assert abs(rows(large, "r2")[0]) < 0.02 < rows(plain, "r2")[0]
    assert any("1 of 10 units holds half" in note for note in large.notes)
    assert not any("holds half" in note for note in (*plain.notes, *report(LARGE, scale="zscore").notes))


def test_decoding_does_not_depend_on_units_that_vary_by_rounding_errors_only():
    plain, other = report(X), report(np.hstack([X, 1e-30 * X[:, :3], 1e-8 * X[:, 3:4]]))
    assert rows(plain, "decodability")[0] > 0.8
    assert rows(plain, "decodability") == pytest.approx(rows(other, "decodability"), abs=1e-6)


@pytest.mark.parametrize("units", [1, 40])
def test_decoding_from_more_units_than_stimuli_does_not_depend_on_their_scale(units):
    few, size = slice(0, 60), RNG.lognormal(0, 3, 10 * units)
    wide = np.tile(X[few], units) + RNG.normal(size=(60, 10 * units))
    plain, other = (audit_arrays({"V4": x}, {"side": SIDE[few]}, **FEW) for x in (wide, wide * size))
    assert rows(plain, "decodability") == pytest.approx(rows(other, "decodability"), abs=1e-6)


@pytest.mark.parametrize("scale", ["zscore", "noise"])
def test_scaled_activity_does_not_depend_on_the_scale_of_units(scale):
    repeats = check_stimuli({"side": SIDE}, repeats=STIMULUS).repeats
    one, other = (scaled(x, repeats, scale, "V4") for x in (X, LARGE + 7))
    assert one == pytest.approx(other, abs=1e-8)


def test_z_scored_units_have_a_variance_of_1_and_constant_units_are_0():
    found = scaled(np.column_stack([LARGE, np.full(N, 3.0)]), None, "zscore", "V4")
    assert found.mean(0) == pytest.approx(0, abs=1e-9)
    assert found.std(0) == pytest.approx([1] * 10 + [0])


def test_whitened_noise_is_white():
    mixed = np.repeat(RNG.normal(size=(1500, 3)), 4, axis=0) + RNG.normal(size=(6000, 3)) @ [
        [3, 1, 0],
        [0, 1, 0],
        [0, 0, 9],
    ]
    stimulus = np.arange(6000) // 4
    repeats = check_stimuli({"side": stimulus % 2}, repeats=stimulus).repeats
    found = scaled(mixed, repeats, "noise", "V4").reshape(-1, 4, 3)
    noise = (found - found.mean(1, keepdims=True)).reshape(-1, 3)
    assert noise.T @ noise / len(noise) == pytest.approx(np.eye(3), abs=0.02)


def test_noise_is_whitened_only_where_repeats_show_it():
    for audited in (
        lambda: report(X, scale="noise"),
        lambda: repbias.audit_stream([X], {"side": SIDE}, scale="noise"),
        lambda: scaled(
            np.column_stack([X, STIMULUS]), check_stimuli({"a": SIDE}, repeats=STIMULUS).repeats, "noise", "V4"
        ),
    ):
        with pytest.raises(ValueError, match='scale="noise" needs'):
            audited()


def test_labels_at_random_are_not_found_in_whitened_activity():
    p = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        labels, x = rng.permutation(np.arange(30) % 2), rng.normal(size=(30, 25)) + rng.normal(size=(2, 30, 25))
        found = audit_arrays(
            {"V4": np.concatenate(x)},
            {"side": np.tile(labels, 2)},
            repeats=np.tile(np.arange(30), 2),
            scale="noise",
            **FEW,
        )
        p.append(rows(found, "r2")[1])
    assert sum(one <= 0.05 for one in p) <= 4


@pytest.mark.parametrize("scale", ["none", "zscore"])
def test_a_stream_is_scaled_as_arrays_are(scale):
    labels = RNG.integers(0, 2, 1200)
    x = RNG.normal(size=(1200, 6)) * [1, 1, 1, 1, 1, 50] + np.eye(6)[0] * labels[:, None]
    whole = audit_arrays({"activity": x}, {"side": labels}, scale=scale, **FEW)
    parts = repbias.audit_stream([x[:700], x[700:]], {"side": labels}, scale=scale, **FEW)
    assert rows(parts, "r2")[0] == pytest.approx(rows(whole, "r2")[0], abs=1e-5)
    assert rows(parts, "decodability")[0] == pytest.approx(rows(whole, "decodability")[0], abs=0.02)
    assert [note for note in parts.notes if "half" in note] == [note for note in whole.notes if "half" in note]


def test_a_probe_does_not_depend_on_the_scale_of_units_unless_told():
    halves = [{"representation": x[:100], "test_representation": x[100:]} for x in (X, LARGE)]
    labels = {"labels": SIDE[:100], "test_labels": SIDE[100:]}
    plain, large = (repbias.probe(**half, **labels).accuracy for half in halves)
    assert plain == large > 0.8
    assert repbias.probe(**halves[1], **labels, scaling="none", classifier="nearest_mean").accuracy < 0.7


@pytest.mark.parametrize(
    ("variances", "told"), [([1, 1, 1, 1], False), ([9, 1, 1, 1], True), ([1, 1], False), ([0, 0, 0], False)]
)
def test_a_few_units_that_hold_half_of_the_variance_are_told(variances, told):
    assert bool([*scale_notes({"V4": np.array(variances, dtype=float)})]) == told
