"""Every study with an analysis: it returns what the study declares, and every claim finds what it reads."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest

from repbias.core.functions import resolve_function
from repbias.experiments.analysis import TABLES, check_findings
from repbias.experiments.evaluation import evaluate
from repbias.experiments.verdicts import NO_DATA
from repbias.models import MLP
from repbias.studies import NAMES, find_study

# Of an easy and a hard feature, at the penultimate layer; for those of images with other features, see
# test_decodability_analysis and test_channels_analysis.
OF_IMAGES = {"trifeature2020", "vision_layers"}
STUDIES = {name: study for name in NAMES if (study := find_study(name)).analysis is not None and name not in OF_IMAGES}
SEEDS, ALONE = 4, 2  # networks of each kind where they are analysed together, and each alone
# As the studies set them, but for what takes time, or more stimuli than small networks have.
FASTER = {
    "autoencoder": {"steps": 5},
    "clustering": {"points": 64},
    "debiased": {"stimuli": 64, "resamples": 5},
    "encryption": {"stimuli": 256},
    "reliance": {"training_sizes": [32, 128]},
    "string_methods": {"training_sizes": [32, 128]},
    "vision_methods": {"training_sizes": [32, 128]},
    "rsa": {"stimuli": 64, "resamples": 5},
    "string_rsa": {"stimuli": 64, "resamples": 5},
    "vision_rsa": {"stimuli": 64, "resamples": 5},
}


@pytest.fixture(scope="module")
def analysed(trained, summing):
    """Return a function from a study's name to its networks by condition, and what its analysis finds by network.

    All conditions of a study of networks that report both features have the same ones; studies of several kinds have
    a kind for each condition.
    """
    known = {}

    def analysed(name):
        if name not in known:
            known[name] = _analyse(name, trained, summing)
        return known[name]

    return analysed


def _analyse(name, trained, summing):
    analysis = STUDIES[name].analysis
    function = resolve_function("analysis", analysis.function)
    settings = {**analysis.settings, **FASTER.get(name, {})}
    if analysis.of == "study":
        assert {condition.name for condition in STUDIES[name].conditions} == set(trained)
        return trained, [check_findings(analysis, function(trained, **settings))]
    networks = (summing if name == "encryption" else trained["both"])[:ALONE]
    by_condition = {condition.name: networks for condition in STUDIES[name].conditions}
    return by_condition, [check_findings(analysis, function(network, **settings)) for network in networks]


@pytest.mark.parametrize("name", STUDIES)
def test_the_analysis_returns_what_the_study_declares(name, analysed):
    analysis = STUDIES[name].analysis
    _, findings = analysed(name)
    for i, found in enumerate(findings):
        assert set(found["measures"]["measure"]) == set(analysis.measures)
        assert set(found.get("curves", pd.DataFrame({"curve": []}))["curve"]) == set(analysis.curves)
        assert set(found.get("pairs", pd.DataFrame({"measure": []}))["measure"]) == set(analysis.pairs)
        assert ("blocks" in found) == bool(analysis.pairs)
        assert ("points" in found) == (name == "clustering" and i == 0)
        assert set(found) <= set(TABLES)
        assert found["measures"]["value"].dtype == "float64"


@pytest.mark.parametrize("name", STUDIES)
def test_every_measure_is_there_once_for_each_network_layer_and_feature(name, analysed):
    analysis = STUDIES[name].analysis
    place = ["condition", "seed"] if analysis.of == "study" else []
    for found in analysed(name)[1]:
        measures = found["measures"]
        assert not measures.duplicated([*place, "layer", "feature", "measure"]).any()
        assert set(measures["layer"]) == {"hidden.1"}
        features = set(measures["feature"])
        if analysis.of == "network":
            assert features == ({"hard"} if name == "encryption" else {"easy", "hard"})
            every = itertools.product(features, analysis.measures)
            assert set(zip(measures["feature"], measures["measure"], strict=True)) == set(every)
        else:
            assert features - {"easy", "hard"} == set(analysis.features)


@pytest.mark.parametrize("name", STUDIES)
def test_every_claim_is_judged_on_all_networks(name, analysed):
    study = STUDIES[name]
    networks, findings = analysed(name)
    tables = []
    for condition, given in networks.items():
        for i, network in enumerate(given):
            tables.append(network.outcome.table.assign(condition=condition, seed=network.seed))
            if study.analysis.of == "network":
                own = findings[i]["measures"].assign(condition=condition, seed=network.seed)
                tables.append(own.assign(step=network.outcome.steps))
    if study.analysis.of == "study":
        (steps,) = {network.outcome.steps for given in networks.values() for network in given}
        tables.append(findings[0]["measures"].assign(step=steps))
    table = pd.concat(tables, ignore_index=True)
    conditions = [one.model_copy(update={"model": MLP(widths=(16, 16))}) for one in study.conditions]
    count = SEEDS if study.analysis.of == "study" else ALONE
    claims = evaluate(study, conditions, table, "full", count)
    assert set(claims["statement"]) == {claim.statement for claim in study.claims}
    assert (claims["n"] == count).all(), claims.loc[claims["n"] != count, ["condition", "statement", "n"]]


@pytest.mark.parametrize("name", STUDIES)
def test_before_its_analysis_is_done_a_study_has_no_verdict(name, trained, summing):
    study = STUDIES[name]
    networks = summing if name == "encryption" else trained["both"]
    table = pd.concat(
        [n.outcome.table.assign(condition=c.name, seed=n.seed) for c in study.conditions for n in networks]
    )
    conditions = [one.model_copy(update={"model": MLP(widths=(16, 16))}) for one in study.conditions]
    of_analysis = [one for one in study.claims if set(one.contrast.measures_read()) <= set(study.analysis.measures)]
    assert of_analysis
    claims = evaluate(study.model_copy(update={"claims": tuple(of_analysis)}), conditions, table, "full", SEEDS)
    assert (claims["n"] == 0).all()
    assert (claims["verdict"] == NO_DATA).all()


def test_a_measure_that_a_study_does_not_declare_is_refused(analysed):
    analysis = STUDIES["pca"].analysis
    (found, *_) = analysed("pca")[1]
    fewer = analysis.model_copy(update={"measures": analysis.measures[1:]})
    with pytest.raises(ValueError, match=f"{analysis.measures[0]}, which the study does not declare"):
        check_findings(fewer, found)
