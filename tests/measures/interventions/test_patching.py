"""Patching: networks in which it is known where each feature is, and pairs that differ in one feature only."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group
from torch import nn

from repbias.measures.interventions.pairs import pairs_differing_in
from repbias.measures.interventions.patching import patch, patch_subspace


@pytest.fixture
def network() -> nn.Module:
    """Two features on units 0 and 1, reported as their signs; unit 2 is not read."""
    network = nn.Sequential(nn.Identity(), nn.Linear(3, 2, bias=False))
    with torch.no_grad():
        network[1].weight.copy_(torch.eye(2, 3))
    return network


@pytest.fixture
def stimuli() -> torch.Tensor:
    """Four combinations of two signs, five times, with a third input."""
    signs = torch.tensor([[a, b] for a in (-1.0, 1) for b in (-1.0, 1)]).repeat(5, 1)
    return torch.cat([signs, torch.linspace(-1, 1, 20)[:, None]], dim=1)


@pytest.fixture
def pairs(stimuli) -> np.ndarray:
    """Pairs that differ in feature 0 only."""
    return pairs_differing_in((stimuli[:, :2] > 0).long(), 0, seed=0)


def test_the_whole_layer_gives_the_report_of_the_source(network, stimuli, pairs):
    found = patch(network, stimuli[pairs[:, 0]], stimuli[pairs[:, 1]], "0", names=["left", "right"])
    assert found.transferred[0] == 1
    assert np.isnan(found.transferred[1])
    assert np.isnan(found.disturbed[0])
    assert found.disturbed[1] == 0
    assert found.n_differing.tolist() == [20, 0]
    assert found.n_pairs == 20


@pytest.mark.parametrize(("units", "expected"), [([0], 1), ([1], 0), ([2], 0), ([0, 2], 1), ([2, 1, 0], 1)])
def test_only_the_units_that_carry_a_feature_transfer_it(network, stimuli, pairs, units, expected):
    found = patch(network, stimuli[pairs[:, 0]], stimuli[pairs[:, 1]], "0", units=units, batch_size=7)
    assert found.transferred[0] == expected


def test_random_pairs_transfer_and_disturb_as_counted_by_hand(network):
    targets = torch.tensor([[1.0, 1, 0], [1, 1, 0], [-1, 1, 0], [-1, -1, 0]])
    sources = torch.tensor([[-1.0, 1, 0], [1, -1, 0], [1, -1, 0], [-1, 1, 0]])
    found = patch(network, targets, sources, "0", units=[0])
    assert found.n_differing.tolist() == [2, 3]
    assert found.transferred.tolist() == [1, 0]
    assert found.disturbed.tolist() == [0, 0]
    with torch.no_grad():
        network[1].weight[1] = torch.tensor([3.0, 1, 0])  # the second report hangs on the first unit now
    found = patch(network, targets, sources, "0", units=[0])
    # second report: before 1 1 0 0, of the sources 0 1 1 0, patched 0 1 1 0
    assert found.n_differing.tolist() == [2, 2]
    assert found.transferred.tolist() == [1, 1]
    assert found.disturbed.tolist() == [0, 0]
    found = patch(network, targets[[0, 0]], torch.tensor([[-1.0, 9, 0], [1.0, 9, 0]]), "0", units=[0])
    # second report of the first pair: 1 before, 1 of the source, 0 patched
    assert found.disturbed.tolist() == [0, 0.5]


def test_a_stimulus_patched_with_itself_changes_nothing(network, stimuli):
    found = patch(network, stimuli, stimuli, "0")
    assert found.n_differing.tolist() == [0, 0]
    assert found.disturbed.tolist() == [0, 0]
    assert np.isnan(found.transferred).all()


@settings(max_examples=15)
@given(seed=st.integers(0, 2**31))
def test_a_subspace_is_patched_wherever_it_lies(seed):
    """The same answer in a rotated representation as for single units of the unrotated one."""
    rng = np.random.default_rng(seed)
    rotation = torch.from_numpy(ortho_group.rvs(4, random_state=seed % 2**31))
    network = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 3, bias=False)).double()
    readout = torch.from_numpy(rng.normal(size=(3, 4)))
    targets, sources = torch.from_numpy(rng.normal(size=(2, 50, 4)))
    with torch.no_grad():
        network[0].weight.copy_(rotation)
        network[1].weight.copy_(readout @ rotation.T)
    vectors = torch.stack([2 * rotation[:, 0], rotation[:, 0] + rotation[:, 1]])
    turned = patch_subspace(network, targets, sources, "0", vectors)
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(4))
        network[1].weight.copy_(readout)
    plain = patch(network, targets, sources, "0", units=[0, 1])
    for one, other in ((turned.transferred, plain.transferred), (turned.disturbed, plain.disturbed)):
        assert one == pytest.approx(other, nan_ok=True)


class Tokens(nn.Module):
    """A residual network of `[stimulus, token, unit]` with batch statistics, dropout and a rectifier in place."""

    def __init__(self):
        super().__init__()
        self.up, self.rectifier, self.down = nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 4)
        self.norm, self.dropout, self.readout = nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)

    def forward(self, x):
        x = x + self.dropout(self.down(self.rectifier(self.up(x))))
        return self.readout(self.norm(x.transpose(1, 2)).mean(2))


@pytest.fixture
def tokens() -> nn.Module:
    torch.manual_seed(0)
    network = Tokens()
    network(torch.randn(99, 3, 4))
    with torch.no_grad():
        network.readout.bias -= network.eval()(torch.randn(200, 3, 4)).mean(0)
    return network.train()


def test_tokens_against_a_forward_pass_by_hand(tokens):
    targets, sources = torch.randn(2, 40, 3, 4)
    state = {name: value.clone() for name, value in tokens.state_dict().items()}
    found = patch(tokens, targets, sources, "up", units=[0, 3, 4], batch_size=16)
    everywhere = patch_subspace(tokens, targets, sources, "up", np.eye(6)[[0, 3, 4]])
    flat = np.eye(18)[[0, 3, 4, 6, 9, 10, 12, 15, 16]]
    at_all_positions = patch_subspace(tokens, targets, sources, "up", flat)
    assert all(module.training and not module._forward_hooks for module in tokens.modules())
    assert all(torch.equal(value, state[name]) for name, value in tokens.state_dict().items())
    tokens.eval()
    with torch.no_grad():
        up, mixed = tokens.up(sources), tokens.up(targets)
        mixed[..., [0, 3, 4]] = up[..., [0, 3, 4]]
        x = targets + tokens.down(mixed.relu())
        after = tokens.readout(tokens.norm(x.transpose(1, 2)).mean(2)) > 0
        before, reported = tokens(targets) > 0, tokens(sources) > 0
    differ = before != reported
    expected = ((after == reported) & differ).sum(0) / differ.sum(0)
    assert found.n_differing.tolist() == differ.sum(0).tolist()
    assert min(found.n_differing) > 0
    for same in (found, everywhere, at_all_positions):
        assert same.transferred == pytest.approx(expected.numpy())
        assert same.disturbed == pytest.approx((((after != before) & ~differ).sum(0) / (~differ).sum(0)).numpy())


def test_the_source_is_not_spoiled_by_a_module_in_place(tokens):
    """The rectifier after `up` works in place: with a shared tensor the second batch would see rectified sources."""
    targets, sources = torch.randn(2, 6, 3, 4)
    assert patch(tokens, targets, sources, "rectifier").transferred.tolist() == pytest.approx(
        patch(tokens, targets, sources, "up").transferred.tolist(), nan_ok=True
    )


def test_the_table_is_tidy(network, stimuli, pairs):
    table = patch(network, stimuli[pairs[:, 0]], stimuli[pairs[:, 1]], "0").table()
    assert list(table.columns) == ["feature", "measure", "value"]
    wide = table.set_index(["feature", "measure"])["value"]
    assert wide["feature_0", "transferred"] == 1
    assert wide["feature_1", "n_differing"] == 0
    assert len(table) == 6


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"source_inputs": torch.ones(3, 3)}, ValueError, "pair up row by row, got 20 and 3 stimuli"),
        ({"source_inputs": "text"}, TypeError, "got str"),
        ({"inputs": torch.ones(0, 3)}, ValueError, "inputs must hold at least one stimulus"),
        ({"layer": "3"}, ValueError, "no layer is called '3'; known: 0, 1"),
        ({"units": [3]}, ValueError, r"units must be from 0 to 2 for layer '0', got \[3\]"),
        ({"units": [-1]}, ValueError, r"units must be from 0 to 2 for layer '0', got \[-1\]"),
        ({"units": []}, ValueError, r"units must be one or more indices of units, \[index\], got \[\]"),
        ({"units": [0.5]}, ValueError, "units must be one or more indices"),
        ({"names": ["one"]}, ValueError, "names must hold one name for each of the 2 features"),
    ],
)
def test_what_cannot_be_patched_is_refused(network, stimuli, changed, error, message):
    with pytest.raises(error, match=message):
        patch(network, **({"inputs": stimuli, "source_inputs": stimuli, "layer": "0"} | changed))


@pytest.mark.parametrize(
    ("vectors", "message"),
    [([1.0, 0.0], r"vectors has 2 units, .*\[3\]"), (np.zeros((2, 3)), "at least one direction")],
)
def test_vectors_that_span_no_subspace_of_the_layer_are_refused(network, stimuli, vectors, message):
    with pytest.raises(ValueError, match=message):
        patch_subspace(network, stimuli, stimuli, "0", vectors)


# --- pairs --------------------------------------------------------------------------------------------------------


def brute_force(labels: np.ndarray, feature: int) -> list[set[int]]:
    others = np.delete(labels, feature, axis=1)
    return [
        set(np.flatnonzero((others == others[i]).all(1) & (labels[:, feature] != labels[i, feature])).tolist())
        for i in range(len(labels))
    ]


@settings(max_examples=40)
@given(seed=st.integers(0, 2**31), n=st.integers(6, 40), n_features=st.integers(1, 4), n_classes=st.integers(2, 4))
def test_pairs_are_those_that_a_search_over_all_pairs_finds(seed, n, n_features, n_classes):
    labels = np.random.default_rng(seed).integers(0, n_classes, (n, n_features)) * 1_000_003
    feature = seed % n_features
    partners = brute_force(labels, feature)
    able = [i for i in range(n) if partners[i]]
    if not able:
        with pytest.raises(ValueError, match="no two of the"):
            pairs_differing_in(labels, feature, seed=0)
        return
    pairs = pairs_differing_in(labels, feature, seed=0)
    assert pairs[:, 0].tolist() == able
    assert all(source in partners[target] for target, source in pairs)


def test_every_partner_is_chosen_equally_often():
    labels = np.array([1, 0, 2, 2, 1, 0])
    chosen = np.array([pairs_differing_in(labels, 0, seed=seed)[:, 1] for seed in range(600)])
    for target, partners in enumerate(brute_force(labels[:, None], 0)):
        counts = np.bincount(chosen[:, target], minlength=6)
        assert set(np.flatnonzero(counts).tolist()) == partners
        assert counts[list(partners)].min() > 100  # 150 expected, standard deviation 11


def test_pairs_depend_on_the_seed_only():
    labels = np.random.default_rng(0).integers(0, 2, (100, 2))
    same = [pairs_differing_in(labels, 1, seed=3) for _ in range(2)]
    assert same[0].tolist() == same[1].tolist()
    assert same[0].tolist() != pairs_differing_in(labels, 1, seed=4).tolist()
    assert same[0].tolist() == pairs_differing_in(torch.from_numpy(labels), "b", seed=3, names=["a", "b"]).tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ([[0, 0], [1, 1]], "hard", 0, ["easy", "hard"]),
            "no two of the 2 stimuli differ in 'hard' and agree in every",
        ),
        (([0, 0, 0], 0, 0, None), "no two of the 3 stimuli differ in 'feature_0'"),
        (([0, 1], 1, 0, None), "feature must be a name or a number from 0 to 0, got 1"),
        (([0, 1], "feature_1", 0, None), "no feature is called 'feature_1'; did you mean 'feature_0'"),
        (([0, -1], 0, 0, None), "labels must be 0 or more, got -1"),
        (([0, 0.5], 0, 0, None), "labels must be whole numbers"),
        (([], 0, 0, None), r"labels must be \[stimulus\] or \[stimulus, feature\], got shape \(0,\)"),
        ((3, 0, 0, None), r"got shape \(\)"),
        (([0, 1], 0, -1, None), "a seed is a whole number >= 0"),
    ],
)
def test_what_makes_no_pairs_is_refused(arguments, message):
    labels, feature, seed, names = arguments
    with pytest.raises(ValueError, match=message):
        pairs_differing_in(labels, feature, seed, names=names)
