"""Similarity of networks: every pair once, never two of one seed, and intervals that know what a seed is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from repbias.analyses.similarity import (
    System,
    analyse,
    block_mean,
    block_table,
    cka_matrix,
    compare_systems,
    pairs,
    pseudo_values,
    read_systems,
    stimulus_resampler,
)
from repbias.core.randomness import torch_rng
from repbias.measures.similarity.cka import cka
from repbias.measures.similarity.rdm import compare_rdms, rdm

KINDS = ("both", "easy", "hard", "untrained")
SMALL = {"stimuli": 64, "resamples": 20}


def systems_of(kinds: tuple[str, ...], seeds: int, stimuli: int = 12) -> list[System]:
    """Responses that share a part within a kind, and one within a seed."""
    random = np.random.default_rng(5)
    of_kind, of_seed = ({name: random.normal(size=(stimuli, 6)) for name in names} for names in (kinds, range(seeds)))
    return [
        System(kind, s, "hidden.0", torch.from_numpy(of_kind[kind] + of_seed[s] + random.normal(size=(stimuli, 6))))
        for kind in kinds
        for s in range(seeds)
    ]


def last_hidden(network: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """What goes into the read-out, by the network's weights: leaky ReLUs of slope 0.2."""
    weights = dict(network.named_parameters())
    for i in range(2):
        inputs = inputs @ weights[f"hidden.{i}.linear.weight"].T + weights[f"hidden.{i}.linear.bias"]
        inputs = torch.where(inputs > 0, inputs, 0.2 * inputs)
    return inputs.detach()


@pytest.fixture(scope="module")
def found(trained):
    return analyse(trained, **SMALL)


@pytest.fixture(scope="module")
def systems(trained):
    return read_systems(trained, "both", SMALL["stimuli"])


def test_every_kind_is_compared_with_every_kind(found):
    measures = found["measures"]
    expected = {(one, f"{other} network") for one in KINDS[:3] for other in KINDS} | {
        (k, "own kind") for k in KINDS[:3]
    }
    for measure in ("rsa", "cka"):
        rows = measures[measures["measure"] == measure]
        assert set(zip(rows["condition"], rows["feature"], strict=True)) == expected
        assert sorted(rows["seed"]) == sorted([0, 1, 2, 3] * len(expected))
    assert set(measures["layer"]) == {"hidden.1"}
    pair = found["pairs"][["condition", "seed", "other", "other_seed", "measure"]]
    assert len(pair) == len(pair.drop_duplicates()) == 2 * 16 * 15 / 2
    assert len(found["blocks"]) == 2 * 10


@pytest.mark.parametrize("measure", ["rsa", "cka"])
def test_pseudo_values_average_to_the_mean_over_pairs_of_different_seeds(found, measure):
    pair, measures = (found[name][found[name]["measure"] == measure] for name in ("pairs", "measures"))
    for one, other in itertools.product(KINDS[:3], KINDS):
        there = (pair["condition"] == one) & (pair["other"] == other)
        back = (pair["condition"] == other) & (pair["other"] == one)
        usable = pair[(there | back) & (pair["seed"] != pair["other_seed"])]["value"]
        values = measures[(measures["condition"] == one) & (measures["feature"] == f"{other} network")]["value"]
        assert len(values) == 4
        assert values.mean() == pytest.approx(usable.mean())
        block = found["blocks"]
        block = block[(block["measure"] == measure) & block["condition"].isin([one]) & block["other"].isin([other])]
        assert block.empty or block["value"].item() == pytest.approx(usable.mean())


def test_own_kind_is_the_same_kind_by_another_name(found):
    values = found["measures"].set_index(["condition", "measure", "feature", "seed"])["value"].sort_index()
    for kind, measure in itertools.product(KINDS[:3], ("rsa", "cka")):
        own, named = (values.loc[kind, measure, feature] for feature in ("own kind", f"{kind} network"))
        assert own.equals(named)


def test_pairs_are_the_measures_of_the_responses(found, systems):
    place = {(one.kind, one.seed): one.response for one in systems}
    for row in found["pairs"].iloc[::17].itertuples():
        one, other = place[row.condition, row.seed], place[row.other, row.other_seed]
        by = {"rsa": lambda a, b: compare_rdms(rdm(a), rdm(b)), "cka": lambda a, b: cka(a, b, debiased=True)}
        assert row.value == pytest.approx(by[row.measure](one, other))


def test_all_networks_see_stimuli_of_a_seed_that_is_none_of_theirs(trained, systems):
    inputs = torch.from_numpy(trained["both"][0].task.stimuli(4).test.inputs[:64]).float()
    by = {(one.kind, one.seed): one.response for one in systems}
    for kind, networks in trained.items():
        for network in networks:
            torch.testing.assert_close(by[kind, network.seed], last_hidden(network.module, inputs))


def test_untrained_networks_are_those_that_training_began_with(trained, systems):
    untrained = [one for one in systems if one.kind == "untrained"]
    assert systems[-4:] == untrained
    assert [one.seed for one in untrained] == [0, 1, 2, 3]
    inputs = torch.from_numpy(trained["both"][0].task.stimuli(4).test.inputs[:64]).float()
    for one, network in zip(untrained, trained["both"], strict=True):
        start = network.model.build(network.task.input_shape, 2, torch_rng(network.seed, "init"))
        torch.testing.assert_close(one.response, last_hidden(start, inputs))
        assert not torch.allclose(one.response, last_hidden(network.module, inputs), atol=0.1)


def test_networks_of_one_seed_never_count(found):
    systems = systems_of(("both", "easy", "untrained"), 5)
    seeds = np.array([one.seed for one in systems])
    matrix = (seeds[:, None] == seeds).astype(float)
    values = pseudo_values("cka", matrix, systems)
    assert len(values) == 5 * (2 * 3 + 2)
    assert (values["value"] == 0).all()
    blocks = block_table("cka", matrix, systems, 50)
    assert (blocks[["value", "ci_low", "ci_high"]] == 0).all(axis=None)
    assert pairs("cka", matrix, systems)["value"].sum() == 3 * 5  # they are shown


def test_a_seed_that_a_kind_lacks_is_in_none_of_its_pairs():
    systems = [one for one in systems_of(("both", "easy"), 4) if (one.kind, one.seed) != ("easy", 2)]
    matrix = np.arange(49.0).reshape(7, 7)
    place = {(one.kind, one.seed): i for i, one in enumerate(systems)}
    expected = [matrix[place["both", s], place["easy", t]] for s in range(4) for t in (0, 1, 3) if s != t]
    assert block_mean(matrix, systems, "both", "easy", [0, 1, 2, 3]) == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds_give_pairs_and_no_pseudo_values(trained, seeds):
    found = analyse({kind: networks[:seeds] for kind, networks in trained.items()}, **SMALL)
    assert found["measures"].empty
    assert found["measures"]["value"].dtype == "float64"
    assert len(found["pairs"]) == 2 * (4 * seeds) * (4 * seeds - 1) / 2
    assert found["blocks"]["value"].isna().all() == (seeds == 1)


@pytest.mark.parametrize("measure", ["rsa", "cka"])
def test_a_block_s_interval_holds_its_mean_and_is_the_same_at_every_call(measure):
    systems = systems_of(("both", "easy", "hard"), 6, stimuli=30)
    matrix = compare_systems(systems)[measure]
    first, again = (block_table(measure, matrix, systems, 100) for _ in range(2))
    assert first.equals(again)
    assert len(first) == 6
    assert (first["ci_low"] < first["value"]).all()
    assert (first["value"] < first["ci_high"]).all()


def test_only_the_interval_of_rsa_counts_the_stimuli_that_were_drawn():
    systems = systems_of(("both", "easy"), 6)
    matrix = np.full((12, 12), 0.5)
    widths = {m: block_table(m, matrix, systems, 50) for m in ("rsa", "rsa_equalized", "cka", "cka_equalized")}
    for measure, table in widths.items():
        varies = (table["ci_high"] - table["ci_low"] > 0.01).all()
        assert varies == measure.startswith("rsa")


def test_matrices_are_symmetric_with_ones_on_the_diagonal(systems):
    for matrix in compare_systems(systems).values():
        np.testing.assert_allclose(matrix, matrix.T)
        np.testing.assert_allclose(np.diag(matrix), 1)
        off = matrix[~np.eye(len(matrix), dtype=bool)]
        assert (off < 1 - 1e-6).all()


def test_cka_of_a_rotated_representation_is_one():
    random = np.random.default_rng(0)
    one = random.normal(size=(50, 5))
    turned = 3 * one @ np.linalg.qr(random.normal(size=(5, 5)))[0] + 1
    other = random.normal(size=(50, 5))
    matrix = cka_matrix([torch.from_numpy(x) for x in (one, turned, other)])
    assert matrix[0, 1] == pytest.approx(1)
    assert abs(matrix[0, 2]) < 0.3


def test_stimuli_are_drawn_with_replacement_and_no_stimulus_is_paired_with_itself():
    random = np.random.default_rng(1)
    rdms = [rdm(random.normal(size=(9, 5))) for _ in range(3)]
    drawn = np.random.default_rng(8).integers(0, 9, size=9)
    assert len(set(drawn.tolist())) < 9
    places = [(i, j) for i, j in itertools.combinations(drawn.tolist(), 2) if i != j]
    expected = np.corrcoef([[one[i, j] for i, j in places] for one in rdms])
    np.testing.assert_allclose(stimulus_resampler(rdms)(np.random.default_rng(8)), expected)
    for one in rdms:
        np.fill_diagonal(one, np.nan)
    np.testing.assert_allclose(stimulus_resampler(rdms)(np.random.default_rng(8)), expected)
