"""Audits of continuous, circular and many-column features, against what was planted."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.linear_model import RidgeCV
from torch import nn

from repbias import audit, audit_arrays, audit_stream, circular, columns, continuous
from repbias.audit.nulls import reordered
from repbias.features.folds import assign_folds
from repbias.features.permutations import exchange
from repbias.measures.decoding.ridge_decoder import RidgeDecoder
from repbias.measures.variance.predictions import folded

N, UNITS = 600, 30
FEW = {"resamples": 200, "permutations": 100, "progress": False}
SHARES = {"speed": 0.3, "orientation": 0.1, "motion": 0.2}
VARIANCE = {"speed": 2.0, "orientation": 0.5, "motion": 1.0}  # of each column, in the population


def simulated(seed=0, n=N, shares=SHARES):
    """Return activity in which features explain known shares of the variance, and the features."""
    rng = np.random.default_rng(seed)
    raw = {
        "speed": rng.gamma(2, size=n),
        "orientation": rng.uniform(0, 180, n),
        "motion": rng.normal(size=(n, 12)),
        "size": rng.normal(size=n),
    }
    phase = np.deg2rad(2 * raw["orientation"])
    codes = {"speed": raw["speed"][:, None], "orientation": np.column_stack([np.cos(phase), np.sin(phase)])}
    codes["motion"] = raw["motion"]
    x = np.sqrt(1 - sum(shares.values())) * rng.normal(size=(n, UNITS))
    for name, share in shares.items():
        directions = rng.normal(size=(codes[name].shape[1], UNITS))
        signal = codes[name] @ directions
        x += signal * np.sqrt(share / (VARIANCE[name] * (directions**2).sum(0).mean()))
    features = {
        "speed": continuous(raw["speed"]),
        "orientation": circular(raw["orientation"], period=180),
        "motion": columns(raw["motion"]),
        "size": continuous(raw["size"], basis="spline"),
    }
    return x, features


@pytest.fixture(scope="module")
def report():
    x, features = simulated()
    return audit_arrays({"V4": x}, features, **FEW)


def rows(report):
    return report.results.set_index(["feature", "measure"])


@pytest.mark.parametrize("name", SHARES)
def test_the_planted_share_is_in_the_interval_and_unique(report, name):
    of = rows(report)
    for measure in ("r2_unbiased", "r2_unique"):
        low, high = of.loc[(name, measure), ["ci_low", "ci_high"]]
        assert low - 0.02 <= SHARES[name] <= high + 0.02
    assert of.loc[(name, "r2_unbiased"), "p_holm"] <= 0.05
    assert of.loc[(name, "decodability"), "p_holm"] <= 0.05
    assert of.loc[(name, "chance"), "value"] == 0


def test_what_is_not_there_is_not_detected(report):
    statuses = report.statuses().set_index("feature")["status"]
    assert statuses["size"] in ("not detected", "inconclusive")
    assert statuses["speed"] == "dominant"


def test_a_stream_gives_the_same_variance_and_decodes_as_well():
    x, features = simulated(n=1500)
    whole, stream = (
        rows(one)["value"]
        for one in (audit_arrays({"a": x}, features, **FEW), audit_stream([{"a": x}], features, **FEW))
    )
    for measure in ("r2", "r2_unbiased", "r2_unique", "r2_common", "rdm_share", "density_0.1"):
        for name in features:
            assert stream[name, measure] == pytest.approx(whole[name, measure], abs=1e-6), (name, measure)
    for name in features:
        assert stream[name, "decodability"] == pytest.approx(whole[name, "decodability"], abs=0.03)
        assert stream[name, "participation"] == pytest.approx(whole[name, "participation"], rel=0.05)
    for name in ("speed", "orientation", "size"):
        assert stream[name, "detectable_r2"] == pytest.approx(whole[name, "detectable_r2"], rel=0.4)


def test_decodability_is_that_of_ridge_regression():
    x, features = simulated()
    fold_of = np.arange(N) % 5
    gain, total = RidgeDecoder(x / x.std(0), fold_of).scored(features["speed"].values().targets)
    target, predicted = features["speed"].values().targets[:, 0], np.empty(N)
    for fold in range(5):
        held = fold_of == fold
        scale = x.std(0)
        model = RidgeCV(np.geomspace(1e-2, 1e6, 60)).fit((x / scale)[~held], target[~held])
        predicted[held] = model.predict((x / scale)[held])
    means = np.array([target[fold_of != fold].mean() for fold in fold_of])
    assert gain.sum() / total.sum() == pytest.approx(
        1 - ((target - predicted) ** 2).sum() / ((target - means) ** 2).sum(), abs=0.01
    )


@pytest.mark.parametrize("name", ["speed", "orientation", "size", "motion"])
def test_orders_of_the_values_give_the_sums_of_regressions(name):
    x, features = simulated(n=80)
    values = features[name].values()
    fold_of = assign_folds(values.numbers, seed=0)
    activity = folded(x - x.mean(0), fold_of)
    rule = exchange(values.identity, np.arange(80), fold_of)
    orders = rule.orders(3, np.random.default_rng(0))
    for order, found in zip(orders, reordered(activity, values, orders).explained, strict=True):
        again = reordered(activity, values.take(order), np.arange(80)[None])
        assert found == pytest.approx(again.explained[0], rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["speed", "orientation", "size", "motion"])
def test_features_without_effect_are_detected_in_5_percent(name):
    p = []
    for seed in range(120):
        x, features = simulated(seed, n=100, shares={})
        found = rows(audit_arrays({"a": x}, {name: features[name]}, **(FEW | {"resamples": 100})))
        p.append([found.loc[(name, measure), "p"] for measure in ("r2_unbiased", "decodability")])
    rates = (np.array(p) <= 0.05).mean(0)
    assert (rates <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 120)).all()
    assert stats.kstest(np.array(p)[:, 0], "uniform").pvalue > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", SHARES)
def test_the_interval_of_r2_covers_the_planted_share(name):
    hits, values = [], []
    for seed in range(150):
        x, features = simulated(seed, n=200, shares={name: 0.2})
        found = rows(audit_arrays({"a": x}, {name: features[name]}, **FEW)).loc[(name, "r2_unbiased")]
        hits.append(found["ci_low"] <= 0.2 <= found["ci_high"])
        values.append(found["value"])
    assert 0.89 <= np.mean(hits) <= 0.99
    assert np.mean(values) == pytest.approx(0.2, abs=4 * stats.sem(values))


def test_ablation_and_steering_of_a_number_and_an_angle():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    speed, angle = rng.normal(size=300), rng.uniform(0, 360, 300)
    noise = rng.normal(size=(300, 4))
    inputs = torch.tensor(np.column_stack([speed, np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle)), noise])).float()
    head = nn.Linear(7, 1)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[2.0, 0, 0, 0.1, 0.1, 0, 0]]))
    model = nn.Sequential(nn.Identity(), head)
    features = {"speed": continuous(speed), "angle": circular(angle, period=360)}
    of = rows(audit(model, inputs, features, "0", **FEW))
    for kind in ("ablation", "steering"):
        assert of.loc[("speed", f"{kind}_output"), "value"] > 0.8
        assert of.loc[("speed", f"{kind}_output"), "p"] < 0.01
        assert of.loc[("angle", f"{kind}_output"), "value"] < 0.05
        assert of.loc[("angle", f"{kind}_output"), "p"] > 0.05


def test_reports_of_numbers_are_refused_with_what_to_do():
    inputs = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    features = {"speed": continuous(inputs[:, 0].numpy()), "side": inputs[:, 1] > 0}
    with pytest.raises(ValueError, match="report classes only"):
        audit(nn.Sequential(nn.Identity()), inputs, features, "0", predict=lambda out: {"speed": out[:, 0] > 0}, **FEW)


def test_too_many_columns_for_least_squares_are_noted():
    x, features = simulated(n=100)
    told = {}
    for n_columns in (12, 60):
        wide = columns(np.random.default_rng(0).normal(size=(100, n_columns)))
        report = audit_arrays({"a": x}, {"speed": features["speed"], "wide": wide}, **FEW)
        told[n_columns] = [note for note in report.notes if "too many for least squares" in note]
    assert not told[12]
    assert len(told[60]) == 2  # alone, and with all other features
