"""A planned audit detects the shares that it promises as often as it promises."""

import html

import matplotlib
import numpy as np
import pytest
from scipy import stats

import repbias
from repbias.audit.arrays import audit_arrays
from repbias.audit.planning.detection import Wanted, critical_value
from repbias.audit.planning.spectrum import Spectrum, dimensionality
from repbias.audit.stream.nulls import null_of_classes

matplotlib.use("Agg")

CENTRES = np.random.default_rng(5).normal(size=(12, 30))


def axes(n_units, exponent=0.5):
    found = np.arange(1, n_units + 1.0) ** -exponent
    return found / np.linalg.norm(found)


def gaussian(rng, n):
    return rng.normal(size=(n, 40)) * axes(40)


def heavy_tailed(rng, n):
    return rng.standard_t(4, size=(n, 40)) / np.sqrt(2) * axes(40)


def correlated(rng, n):
    """Return activity of 30 units that share 12 skewed sources, of a variance of 1 in all."""
    noise = (rng.exponential(size=(n, 12)) - 1) @ CENTRES + rng.normal(size=(n, 30))
    return noise / np.sqrt((CENTRES**2).sum() + 30)


def two(rng, n):
    return rng.permutation(np.arange(n) % 2)


def unequal(rng, n):
    return rng.choice(4, n, p=[0.6, 0.2, 0.1, 0.1])


def continuous(rng, n):
    return rng.normal(size=n)


def planted(noise, values, share, rng):
    """Return activity in which values have this share, in a random direction; the noise has a variance of 1."""
    code = values[:, None] if values.dtype.kind == "f" else np.eye(values.max() + 1)[values]
    covariance = np.eye(1) if values.dtype.kind == "f" else np.cov(code.T, bias=True)
    directions = rng.normal(size=(code.shape[1], noise.shape[1]))
    directions /= np.sqrt(np.einsum("cu,cd,du->", directions, covariance, directions))
    return noise + np.sqrt(share / (1 - share)) * code @ directions


def detected(x, values, seed, level=0.05, **options):
    fast = {"resamples": 100, "permutations": 200, "classifier": "nearest_mean", "progress": False}
    table = audit_arrays({"x": x}, {"f": values}, seed=seed, **fast, **options).table()
    return float(table.loc[(table["measure"] == "r2_unbiased") & (table["feature"] == "f"), "p"].iloc[0]) <= level


def rate(noise, values, n, share, n_sets, level=0.05):
    found = []
    for seed in range(n_sets):
        rng = np.random.default_rng(seed)
        y = values(rng, n)
        found.append(detected(planted(noise(rng, n), y, share, rng), y, seed, level))
    return np.mean(found)


def share_of(**numbers):
    return float(repbias.power(**numbers).table()["share"].iloc[0])


CASES = {
    "gaussian": (gaussian, two, {}),
    "heavy-tailed": (heavy_tailed, two, {}),
    "unequal classes": (gaussian, unequal, {"classes": 4}),
    "continuous": (gaussian, continuous, {"classes": "continuous"}),
    "correlated": (correlated, two, {"dimensionality": None}),
}


def planned_share(noise, numbers, n):
    if "dimensionality" in numbers:  # units are correlated: from a pilot of other stimuli
        return share_of(pilot=noise(np.random.default_rng(999), 400), stimuli=n)
    return share_of(units=40, stimuli=n, **numbers)


@pytest.mark.parametrize("case", ["gaussian", "correlated"])
def test_a_share_is_detected_about_as_often_as_promised(case):
    noise, values, numbers = CASES[case]
    assert rate(noise, values, 60, planned_share(noise, numbers, 60), 15) == pytest.approx(0.8, abs=0.3)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_share_is_detected_as_often_as_promised_within_3_points(case):
    noise, values, numbers = CASES[case]
    found = rate(noise, values, 120, planned_share(noise, numbers, 120), 300)
    assert found == pytest.approx(0.8, abs=0.03 + 2 * np.sqrt(0.8 * 0.2 / 300))


@pytest.mark.slow
def test_other_powers_and_corrected_levels_are_kept_too():
    share = share_of(units=40, stimuli=100, power=0.95, tests=10)
    assert rate(gaussian, two, 100, share, 300, level=0.005) == pytest.approx(0.95, abs=0.03 + 0.025)


@pytest.mark.slow
def test_repeats_and_groups_count_by_what_they_reproduce():
    ceiling, repeats, n = 0.3, 6, 60
    share = share_of(units=40, stimuli=n, repeats=repeats, noise_ceiling=ceiling)
    found = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        y = two(rng, n)
        feature = planted(np.zeros((n, 40)), y, 0.5, rng) * np.sqrt(share)
        signal = feature + gaussian(rng, n) * np.sqrt(ceiling - share)
        x = np.repeat(signal, repeats, 0) + gaussian(rng, n * repeats) * np.sqrt(1 - ceiling)
        of = np.repeat(np.arange(n), repeats)
        found.append(detected(x, np.repeat(y, repeats), seed, **{"repeats" if seed % 2 else "groups": of}))
    assert np.mean(found) == pytest.approx(0.8, abs=0.03 + 2 * np.sqrt(0.8 * 0.2 / 300))


def test_a_pilot_gives_the_detectable_share_of_its_own_audit():
    rng = np.random.default_rng(0)
    x, features = gaussian(rng, 150), {"two": two(rng, 150), "size": rng.normal(size=150)}
    table = audit_arrays({"x": x}, features, resamples=100, permutations=400, progress=False).table()
    audited = table[table["measure"] == "detectable_r2"].set_index("feature")["value"]
    planned = repbias.power(x, features).table().set_index("feature")
    assert planned["stimuli"].tolist() == [150, 150]
    for feature in features:
        assert planned.loc[feature, "share"] == pytest.approx(audited[feature], rel=0.15)


def test_the_number_of_stimuli_for_a_share_is_the_inverse_of_the_share_for_a_number():
    found = repbias.power(units=100, classes=3, share=share_of(units=100, classes=3, stimuli=800)).table().iloc[0]
    assert found["stimuli"] == pytest.approx(800, abs=1)
    assert found["stimuli_low"] <= found["stimuli"] <= found["stimuli_high"]
    assert repbias.power(units=100, share=0.9).table()["stimuli"].tolist() == [20]


def test_more_stimuli_units_and_repeats_and_fewer_classes_and_tests_detect_smaller_shares():
    numbers = {"units": 50, "stimuli": 100, "repeats": 1, "noise_ceiling": 0.3, "classes": 3, "tests": 2}
    least = share_of(**numbers)
    for name, value in {"units": 200, "stimuli": 150, "repeats": 2, "classes": 2, "tests": 1}.items():
        assert share_of(**numbers | {name: value}) < least, name


def test_the_detectable_share_falls_in_proportion_to_the_stimuli():
    shares = repbias.power(units=50, stimuli=[10_000, 20_000]).table()["share"]
    assert shares[0] / shares[1] == pytest.approx(2, rel=0.01)


def test_with_one_unit_the_direction_of_a_feature_makes_no_difference():
    row = repbias.power(units=1, stimuli=100).table().iloc[0]
    assert row["share_low"] == pytest.approx(row["share"]) == row["share_high"]


def test_the_critical_value_is_that_of_the_closed_form_of_many_stimuli():
    n, shares = 100_000, axes(30) ** 2
    null = null_of_classes(np.full((5, 3), n / 15), shares)
    spectrum = Spectrum(shares, np.ones(30, int))
    assert critical_value(spectrum, Wanted(0.8, 0.05, 2), n, 0.0) == pytest.approx(null.critical_value(), rel=1e-3)


def test_dimensionality_is_estimated_without_the_bias_of_few_stimuli():
    true = 1 / (axes(100) ** 4).sum()
    found = []
    for seed in range(60):
        x = np.random.default_rng(seed).normal(size=(40, 100)) * axes(100) + 3
        found.append(1 / dimensionality(x @ x.T, 100))
        naive = np.linalg.eigvalsh(np.cov(x.T))
        assert naive.sum() ** 2 / (naive**2).sum() < true
    assert np.mean(found) == pytest.approx(1 / true, abs=3 * stats.sem(found))


def test_a_spectrum_has_the_dimensionality_that_is_wanted():
    for wanted in (1.5, 10, 80):
        assert Spectrum.power_law(80, wanted).dimensionality == pytest.approx(wanted, rel=0.02)
    assert Spectrum.power_law(1000).n_axes == 1000
    sample = np.sort(np.random.default_rng(0).exponential(size=20))[::-1]
    assert Spectrum.estimated(sample / sample.sum(), 50, 25.0).dimensionality == pytest.approx(25, rel=0.02)


@pytest.mark.slow
def test_intervals_of_pilots_hold_the_share_of_the_population():
    population = share_of(pilot=gaussian(np.random.default_rng(99), 2000), stimuli=200)
    rows = [repbias.power(gaussian(np.random.default_rng(seed), 60), stimuli=200).table().iloc[0] for seed in range(60)]
    assert np.mean([row["share_low"] <= population <= row["share_high"] for row in rows]) >= 0.87


def test_a_plan_shows_a_title_and_a_table_and_draws_its_shares():
    plan = repbias.power(gaussian(np.random.default_rng(0), 60), {"<b>": np.arange(60) % 2}, stimuli=[100, 200])
    lines = repr(plan).splitlines()
    assert len(lines) == 4
    assert max(map(len, lines)) <= 80
    assert html.escape("<b>") in plan._repr_html_()
    drawn = plan.plot().lines[0].get_xydata()
    assert np.interp(100, *drawn.T) == pytest.approx(plan.table()["share"][0], rel=0.05)


def test_results_depend_on_the_seed_alone():
    one, two, other = (repbias.power(units=9, stimuli=99, seed=seed).table() for seed in (1, 1, 2))
    assert one.equals(two)
    assert not one.equals(other)


X = gaussian(np.random.default_rng(0), 60)
WRONG = {
    "stimuli or share": ({"units": 9}, "stimuli"),
    "both": ({"units": 9, "stimuli": 99, "share": 0.1}, "both"),
    "no units": ({"stimuli": 99}, "units"),
    "units and pilot": ({"pilot": X, "units": 9}, "units"),
    "few stimuli": ({"units": 9, "stimuli": 10}, "20"),
    "few of each class": ({"units": 9, "stimuli": 40, "classes": 10}, "50"),
    "one class": ({"units": 9, "stimuli": 99, "classes": 1}, "classes"),
    "share": ({"units": 9, "share": 1.2}, "share"),
    "no share": ({"units": 9, "share": []}, "none"),
    "repeats without a ceiling": ({"units": 9, "stimuli": 99, "repeats": 2}, "noise_ceiling"),
    "above the ceiling": ({"units": 9, "share": 0.5, "noise_ceiling": 0.3}, "ceiling"),
    "dimensionality": ({"units": 9, "stimuli": 99, "dimensionality": 10}, "dimensionality"),
    "features without a pilot": ({"units": 9, "stimuli": 99, "features": {"f": [0, 1]}}, "pilot"),
    "classes and features": ({"pilot": X, "features": {"f": np.arange(60) % 2}, "classes": 2}, "classes"),
    "other stimuli": ({"pilot": X, "features": {"f": np.arange(50) % 2}}, "60"),
    "small pilot": ({"pilot": X[:12]}, "20"),
    "constant pilot": ({"pilot": np.ones((60, 3))}, "vary"),
    "penalised": ({"pilot": X, "features": {"f": repbias.columns(X[:, :3])}}, "ridge"),
    "tests": ({"units": 9, "stimuli": 99, "tests": 0}, "tests"),
    "power": ({"units": 9, "stimuli": 99, "power": 80}, "power"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_refused(case):
    numbers, named = WRONG[case]
    with pytest.raises(ValueError, match=named):
        repbias.power(**numbers)


def test_numbers_of_the_wrong_kind_are_refused():
    for numbers in ({"stimuli": 99.5}, {"share": "0.1"}, {"stimuli": 99, "classes": "many"}):
        with pytest.raises(TypeError):
            repbias.power(units=9, **numbers)
