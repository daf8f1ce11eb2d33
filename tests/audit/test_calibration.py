"""The table of calibration in the documentation is complete, its truths are right, and it is what the audit does."""

import numpy as np
import pandas as pd
import pytest
from benchmarks.calibration.counting import expected_decodability, generator, outcomes
from benchmarks.calibration.designs import DESIGNS, TWO, Design, find_design, independent
from benchmarks.calibration.populations import Population, autocorrelated_noise, heavy_tailed_noise, normal_noise
from benchmarks.calibration.table import (
    COVERED,
    FALSE_POSITIVE,
    KEY,
    REFUSED,
    WARNED,
    counted,
    read_table,
    replaced,
    result,
)  # fmt: skip
from scipy import stats

NAMES = [design.name for design in DESIGNS]


@pytest.fixture(scope="module")
def table():
    return read_table()


def joined(design, times):
    """Return the activity of many data sets, and the design matrix of each feature."""
    sets = [design.population.simulate(generator(design, 10**7 + number)) for number in range(times)]
    x = np.concatenate([one.activity for one in sets])
    codes = {}
    for name, feature in sets[0].features.items():
        for one in sets[1:]:
            feature = feature.joined(one.features[name])
        codes[name] = feature.values().code
    return sets, x - x.mean(0), codes


def explained(x, *codes):
    """Return the R2 of least squares, without the bias of its fit."""
    code = np.hstack(codes)
    code = code - code.mean(0)
    weights, _, rank, _ = np.linalg.lstsq(code, x, rcond=1e-9)
    r2 = ((code @ weights) ** 2).sum() / (x**2).sum()
    return 1 - (1 - r2) * (len(x) - 1) / (len(x) - 1 - rank)


@pytest.mark.parametrize("name", NAMES)
def test_the_truths_of_a_design_are_those_of_many_stimuli(name):
    design = find_design(name)
    sets, x, codes = joined(design, 150)
    if design.population.scale == "zscore":
        x = x / x.std(0)
    repeats = sets[0].options.get("repeats")
    for (feature, measure), truth in design.population.truths.items():
        if measure == "r2_unbiased":
            found = explained(x, codes[feature])
        elif measure == "r2_unique":
            others = [code for other, code in codes.items() if other not in (feature, "null")]
            found = explained(x, codes[feature], *others) - explained(x, *others)
        else:
            found = reproduced(sets, repeats)
            found = explained(x, codes["planted"]) / found if measure == "r2_of_ceiling" else found
        assert found == pytest.approx(truth, abs=0.012 + 0.03 * truth)


def reproduced(sets, repeats):
    """Return the share of the variance that two presentations of a stimulus have in common, beside their session."""
    x = np.stack([one.activity for one in sets]).reshape(
        len(sets), int(repeats.max()) + 1, -1, sets[0].activity.shape[1]
    )
    x = x - x.mean((0, 1, 2))
    y = x - x.mean((0, 1)) if "groups" in sets[0].options else x
    return (y[:, :, 0] * y[:, :, 1]).mean() / (x**2).mean()


@pytest.mark.parametrize("noise", [normal_noise, heavy_tailed_noise, autocorrelated_noise])
def test_noise_has_a_variance_of_1(noise):
    rng = np.random.default_rng(0)
    drawn = np.concatenate([noise(rng, 200, 10) for _ in range(100)])
    assert (drawn**2).mean() == pytest.approx(1, abs=0.05)
    neighbours = (drawn[1:] * drawn[:-1]).mean()
    assert neighbours == pytest.approx(0.8 if noise is autocorrelated_noise else 0, abs=0.03)


@pytest.mark.parametrize(("r2", "low", "high"), [(0.0, 0.48, 0.52), (0.9, 0.999, 1.0)])
def test_the_truth_of_decodability_is_chance_without_an_effect_and_1_with_a_large_one(r2, low, high):
    design = Design("test", "", Population(independent(60), TWO, TWO, r2=r2))
    assert low <= expected_decodability(design, fits=20) <= high


def test_the_table_has_every_design_with_300_data_sets(table):
    assert list(dict.fromkeys(table["design"])) == NAMES
    judged = table[table["measure"].isin(["", "r2_unbiased", "r2_unique", "decodability"])]
    refused = table[table["statistic"] == "refused"].set_index("design")["found"]
    audited = judged["datasets"] + judged["design"].map(refused) * (judged["statistic"] != "refused")
    assert ((audited == 300) | (judged["datasets"] == 300)).all()
    assert len(NAMES) >= 12


def test_the_table_has_the_truths_of_its_designs(table):
    for design in DESIGNS:
        covered = table[(table["design"] == design.name) & (table["statistic"] == COVERED)]
        truths = covered.set_index(["feature", "measure"])["truth"].to_dict()
        assert ("planted", "decodability") in truths
        for key, truth in design.population.truths.items():
            assert truths[key] == pytest.approx(truth, abs=1e-6)


def test_designs_that_are_not_in_range_and_no_others_have_a_remark(table):
    for design in DESIGNS:
        found = result(table[table["design"] == design.name])
        assert found.startswith("calibrated") != bool(design.remark), design.name


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_other_data_sets_agree_with_the_table(name, table):
    design = find_design(name)
    before = table[table["design"] == name].set_index(KEY)
    covered = before.loc[[COVERED]].reset_index()
    truths = {(feature, measure): truth for _, feature, measure, truth in covered[[*KEY, "truth"]].to_numpy()}
    found = counted(design, truths, [outcomes(design, truths, 1000 + number) for number in range(40)]).set_index(KEY)
    for key, row in found.iterrows():
        counts = [[one["found"], one["datasets"] - one["found"]] for one in (before.loc[key], row)]
        assert stats.fisher_exact(counts).pvalue > 0.001, key


def rows(design, shares):
    hits = [[(*key, number < 100 * share) for key, share in shares.items()] for number in range(100)]
    return counted(design, {("planted", "r2_unbiased"): 0.1}, hits)


def test_counts_have_exact_intervals():
    (row,) = rows(DESIGNS[0], {(COVERED, "planted", "r2_unbiased"): 0.9}).to_dict("records")
    assert (row["found"], row["datasets"], row["share"], row["truth"]) == (90, 100, 0.9, 0.1)
    exact = stats.binomtest(90, 100).proportion_ci(0.95)
    assert (row["ci_low"], row["ci_high"]) == (pytest.approx(exact.low, abs=1e-4), pytest.approx(exact.high, abs=1e-4))


@pytest.mark.parametrize(
    ("rate", "coverage", "more", "expected"),
    [
        (0.05, 0.95, {}, "calibrated"),
        (0.08, 0.95, {}, "calibrated within chance"),
        (0.05, 0.91, {}, "calibrated within chance"),
        (0.00, 0.95, {}, "conservative"),
        (0.05, 1.00, {}, "conservative"),
        (0.05, 0.95, {(COVERED, "null", "r2_unbiased"): 1.0}, "calibrated"),
        (0.20, 1.00, {}, "too optimistic"),
        (0.05, 0.80, {}, "too optimistic"),
        (0.20, 0.80, {(WARNED, "", ""): 1.0}, "warned of"),
        (0.20, 0.80, {(REFUSED, "", ""): 1.0}, "refused"),
    ],
)
def test_the_result_of_a_design_is_that_of_its_worst_number(rate, coverage, more, expected):
    shares = {(FALSE_POSITIVE, "null", "r2_unbiased"): rate, (COVERED, "planted", "r2_unbiased"): coverage}
    assert result(rows(DESIGNS[0], shares | more)) == expected


def test_a_design_that_is_measured_again_replaces_its_rows_in_place():
    shares = {(COVERED, "planted", "r2_unbiased"): 0.9}
    before = pd.concat([rows(design, shares) for design in DESIGNS[:3]])
    after = replaced(before, rows(DESIGNS[1], {(COVERED, "planted", "r2_unbiased"): 0.5}))
    assert after["design"].tolist() == NAMES[:3]
    assert after["share"].tolist() == [0.9, 0.5, 0.9]
