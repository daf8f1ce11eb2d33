"""Regression between networks: predictors of another seed, each used once, on stimuli of a third seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from repbias.activations.reading import read_layers
from repbias.analyses.reading import untrained_module
from repbias.analyses.similarity import regression
from repbias.measures.similarity.system_regression import SystemRegression, system_regression

KINDS = ("both", "easy", "hard", "untrained")


@pytest.fixture(scope="module")
def values(trained):
    table = regression(trained)["measures"]
    assert set(table["condition"]) == {"both"}
    assert set(table["layer"]) == {"hidden.1"}
    return table.set_index(["seed", "feature", "measure"])["value"]


def directly(module: torch.nn.Module, target: torch.nn.Module, stimuli) -> SystemRegression:
    splits = stimuli.validation, stimuli.test
    a, b = (
        [read_layers(one, torch.from_numpy(split.inputs).float(), "hidden.1")["hidden.1"] for split in splits]
        for one in (module, target)
    )
    labels, test_labels = (split.labels for split in splits)
    return system_regression(a[0], b[0], labels, test_a=a[1], test_b=b[1], test_labels=test_labels)


def test_every_network_is_predicted_from_each_kind(values):
    measures = ("regression_r2", "relative_r2", "easy_share", "hard_share")
    expected = {(s, f"{kind} network", measure) for s in range(4) for kind in KINDS for measure in measures}
    assert set(values.index) == expected
    assert np.isfinite(values).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_predictor_is_the_network_of_the_next_seed(trained, values, kind):
    others = trained["both"] if kind == "untrained" else trained[kind]
    for target in trained["both"]:
        other = others[(target.seed + 1) % 4]
        module = untrained_module(other) if kind == "untrained" else other.module
        result = directly(module, target.module, target.task.stimuli(1_000_000 + target.seed))
        of = values[target.seed, f"{kind} network"]
        assert of["regression_r2"] == pytest.approx(result.r2)
        assert [of["easy_share"], of["hard_share"]] == pytest.approx(result.feature_share.tolist())
        own = values[target.seed, "both network", "regression_r2"]
        assert of["relative_r2"] == pytest.approx(result.r2 / own)


def test_a_network_of_the_same_seed_is_no_predictor(trained):
    table = regression({"both": trained["both"], "easy": trained["easy"][1:2]})["measures"]
    from_easy = table[table["feature"] == "easy network"]
    assert sorted(set(from_easy["seed"])) == [0, 2, 3]


def test_a_seed_that_is_missing_is_passed_over(trained):
    given = {"both": trained["both"][:1], "hard": [trained["hard"][0], trained["hard"][2]]}
    table = regression(given)["measures"].set_index(["feature", "measure"])["value"]
    target, predictor = trained["both"][0], trained["hard"][2]
    result = directly(predictor.module, target.module, target.task.stimuli(1_000_000))
    assert table["hard network", "regression_r2"] == pytest.approx(result.r2)
    assert set(table.index.get_level_values("measure")) == {"regression_r2", "easy_share", "hard_share"}


@pytest.mark.parametrize("kind", ["both", "easy"])
def test_where_nothing_can_be_predicted_there_are_no_rows(trained, kind):
    table = regression({kind: trained[kind][:1]})["measures"]
    assert table.empty
    assert (table["value"].dtype, table["seed"].dtype) == ("float64", "int64")
