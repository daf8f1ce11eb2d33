"""Erasure: what no linear classifier can read any more, and agreement with the concept-erasure package."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import ortho_group
from sklearn.linear_model import LogisticRegression
from torch import nn

from repbias.activations.editing import editing
from repbias.measures.interventions.ablation import ablate
from repbias.measures.interventions.erasure import leace, projection_eraser


def one_hot(labels: np.ndarray) -> np.ndarray:
    labels = labels.reshape(len(labels), -1)
    return np.concatenate([np.eye(labels[:, k].max() + 1)[labels[:, k]] for k in range(labels.shape[1])], axis=1)


def reference(x: np.ndarray, labels: np.ndarray):
    """Return the eraser of the concept-erasure package, without shrinkage and other departures from the closed form."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from concept_erasure import LeaceFitter
    code = torch.from_numpy(one_hot(labels))
    options = {"shrinkage": False, "constrain_cov_trace": False, "svd_tol": 1e-7}
    return LeaceFitter.fit(torch.from_numpy(x), code, **options).eraser


def made(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a representation and labels of two features, of 2 and 3 classes."""
    rng = np.random.default_rng(seed)
    n, n_units = (12, 30) if kind == "fewer stimuli than units" else (150, 8)
    labels = np.stack([rng.permutation(np.arange(n) % c) for c in (2, 3)], axis=1)
    x = rng.normal(size=(n, n_units)) @ rng.normal(size=(n_units, n_units)) + 3 * rng.normal(size=n_units)
    x += one_hot(labels) @ rng.normal(size=(5, n_units))
    if kind == "constant units":
        x[:, [1, 4]] = 0.0, 7.3
    if kind == "repeated units":
        x[:, 5] = x[:, 2] - 2 * x[:, 3]
    if kind == "repeated stimuli":
        x, labels = np.repeat(x[:6], 9, axis=0), np.repeat(labels[:6], 9, axis=0)
    if kind == "a feature of one class":
        labels[:, 0] = 0
    return x, labels


KINDS = [
    "random",
    "constant units",
    "repeated units",
    "fewer stimuli than units",
    "repeated stimuli",
    "a feature of one class",
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", KINDS)
def test_agreement_with_concept_erasure(kind, seed):
    x, labels = made(kind, seed)
    eraser, expected = leace(x, labels), reference(x, labels)
    fresh = x + np.random.default_rng(seed).normal(size=x.shape)
    for data in (x, fresh):
        ours, theirs = eraser.apply(data), expected(torch.from_numpy(data)).numpy()
        assert np.abs(ours - theirs).max() < 1e-6 * np.abs(data).max()
    assert np.abs(eraser.apply(x) - x).max() > 0.1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", KINDS)
def test_after_erasure_no_unit_covaries_with_the_features(kind, seed):
    x, labels = made(kind, seed)
    code = one_hot(labels)
    code -= code.mean(0)
    erased = leace(x, labels).apply(x)
    before, after = np.abs(code.T @ (x - x.mean(0))) / len(x), np.abs(code.T @ (erased - erased.mean(0))) / len(x)
    assert before.max() > 0.1
    assert after.max() < 1e-10 * np.abs(x).max()
    assert erased.mean(0) == pytest.approx(x.mean(0))


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_after_erasure_the_best_linear_classifier_is_the_constant_one(kind):
    x, labels = made(kind, 0)
    erased = leace(x, labels).apply(x)
    for feature in range(2):
        target = labels[:, feature]
        shares = np.bincount(target) / len(target)
        readers = [LogisticRegression(C=1e6, tol=1e-8, max_iter=5_000).fit(data, target) for data in (x, erased)]
        assert readers[0].score(x, target) > shares.max() + 0.05
        constant = np.tile(shares, (len(x), 1))
        assert readers[1].predict_proba(erased) == pytest.approx(constant, abs=1e-4)


def test_no_other_map_that_erases_changes_less():
    """Against a numerical search over all maps P with P C = 0."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    x = rng.normal(size=(60, 3)) * [1, 2, 3] + np.outer(labels, [1, 1, 0])
    x -= x.mean(0)
    covariance = x.T @ (labels - 0.5)
    keep = np.linalg.svd(covariance[:, None])[0][:, 1:]

    def change(free: np.ndarray) -> float:
        return float(((x @ keep @ free.reshape(2, 3) - x) ** 2).sum())

    best = minimize(change, np.zeros(6), tol=1e-12).fun
    assert ((leace(x, labels).apply(x) - x) ** 2).sum() == pytest.approx(best, rel=1e-6)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**31), log_scale=st.floats(-3, 3))
def test_erasure_turns_with_the_representation(seed, log_scale):
    x, labels = made("random", seed)
    rotation, scale = ortho_group.rvs(8, random_state=seed % 2**31), 10**log_scale
    moved = scale * x @ rotation + 5 * scale
    expected = scale * leace(x, labels).apply(x) @ rotation + 5 * scale
    assert leace(moved, labels).apply(moved) == pytest.approx(expected, abs=1e-7 * scale * 100)


def test_erasing_twice_is_erasing_once():
    x, labels = made("random", 0)
    eraser = leace(x, labels)
    once = eraser.apply(x)
    assert eraser.apply(once) == pytest.approx(once)
    assert leace(once, labels).rank == 0


def test_rank_is_the_number_of_directions():
    x, labels = made("random", 1)
    assert leace(x, labels).rank == 3
    assert leace(x, labels[:, 0]).rank == 1
    assert leace(x, labels[:, 1]).rank == 2
    assert leace(x, np.full(len(x), 4)).rank == 0


def test_nothing_to_erase_changes_nothing():
    balanced = np.array([[a, b] for a in (0.0, 1) for b in (0, 1) for _ in range(3)])
    for x, labels in (
        (balanced[:, :1], balanced[:, 1]),  # a feature that covaries with nothing
        (np.full((6, 3), 0.1), np.arange(6) % 2),  # a representation without variance
    ):
        eraser = leace(x, labels)
        assert eraser.rank == 0
        assert eraser.apply(x).tolist() == x.tolist()


def test_a_large_mean_and_small_precision_do_no_harm():
    x, labels = made("random", 2)
    shifted = (x + 1e4).astype(np.float32)
    erased = leace(shifted, labels).apply(shifted)
    assert erased.dtype == np.float32
    assert np.abs(erased.astype(float) - 1e4 - leace(x, labels).apply(x)).max() < 0.02


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_tensors_come_back_as_tensors_of_their_kind(dtype):
    x, labels = made("random", 0)
    tensor = torch.from_numpy(x).to(dtype)
    erased = leace(tensor, torch.from_numpy(labels)).apply(tensor)
    assert isinstance(erased, torch.Tensor)
    assert erased.dtype == dtype
    counts = np.round(x).astype(int)
    assert leace(counts, labels).apply(counts).dtype == np.float64


def test_projection_takes_out_what_the_vectors_span():
    x = np.random.default_rng(0).normal(size=(50, 5))
    vectors = np.array([[3.0, 0, 0, 0, 0], [1e-30, 1e-30, 0, 0, 0], [0, 0, 0, 0, 0], [-7, 0, 0, 0, 0]])
    eraser = projection_eraser(vectors)
    assert eraser.rank == 2
    assert eraser.apply(x) == pytest.approx(x * [0, 0, 1, 1, 1])
    about = projection_eraser(torch.tensor([0.0, 2, 0, 0, 0]), mean=[1, 2, 3, 4, 5])
    assert about.rank == 1
    assert about.apply(x) == pytest.approx(np.column_stack([x[:, 0], np.full(50, 2), x[:, 2:]]))


def test_projecting_out_a_probe_leaves_what_leace_takes():
    """Two units share a feature and their noise: without the direction of the means, a classifier still sees it."""
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    x = rng.normal(size=(400, 2)) @ np.array([[1.0, 0.8], [0, 0.6]]) + np.outer(labels, [3, 0.5])
    about_probe = projection_eraser(LogisticRegression().fit(x, labels).coef_, x.mean(0)).apply(x)
    assert LogisticRegression().fit(about_probe, labels).score(about_probe, labels) > 0.6
    erased = leace(x, labels).apply(x)
    assert LogisticRegression().fit(erased, labels).score(erased, labels) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: leace(np.eye(1), [0]), "representation must hold two or more stimuli for a covariance, got 1"),
        (lambda: leace(np.eye(3), [0, 1]), "labels must have one row for each of the 3 stimuli"),
        (lambda: leace(np.eye(3), [0, 1, -1]), "labels must be 0 or more, got -1 for feature 'feature_0'"),
        (lambda: leace(np.full((3, 2), np.nan), [0, 1, 1]), "representation must be finite"),
        (lambda: leace(np.eye(3), [0, 1, 1]).apply(np.eye(4)), "representation has 4 units, the arrays before it 3"),
        (lambda: projection_eraser([0.0, 0.0]), "vectors must span at least one direction, got 1 of length 0"),
        (lambda: projection_eraser([1.0, 0.0], mean=[1.0]), "mean has 1 units, the arrays before it 2"),
        (lambda: projection_eraser(np.ones((2, 2, 2))), r"vectors must be an array \[stimulus, unit\]"),
    ],
)
def test_what_makes_no_eraser_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- ablation -----------------------------------------------------------------------------------------------------


def signs() -> tuple[torch.Tensor, torch.Tensor]:
    """Return 40 stimuli, four combinations of two signs ten times, and their labels."""
    x = torch.tensor([[a, b] for a in (-1.0, 1) for b in (-1.0, 1) for _ in range(10)])
    return x * torch.linspace(1, 2, 40)[:, None], (x > 0).long()


def test_ablation_of_one_feature_leaves_the_other():
    inputs, labels = signs()
    network = nn.Sequential(nn.Identity(), nn.Identity())
    found = ablate(network, inputs, "0", leace(inputs, labels[:, 0]), labels, names=["left", "right"], batch_size=7)
    assert found.before.tolist() == [1, 1]
    assert found.after[1] > 0.9
    assert found.after[0] < 0.7
    assert found.majority.tolist() == [0.5, 0.5]
    assert found.drop == pytest.approx(found.before - found.after)
    assert found.n_stimuli == 40
    exact = ablate(network, inputs, "0", projection_eraser([1.0, 0.0]), labels)
    assert exact.after.tolist() == [0.5, 1]  # all logits 0, reported as 0


def test_the_majority_is_that_of_the_labels():
    inputs, labels = signs()
    labels[:, 1] = torch.arange(40) % 3 // 2
    found = ablate(nn.Sequential(nn.Identity()), inputs, "0", projection_eraser([1.0, 1.0]), labels)
    assert found.majority == pytest.approx([0.5, 27 / 40])


def test_the_ablation_table_is_tidy():
    inputs, labels = signs()
    table = ablate(nn.Sequential(nn.Identity()), inputs, "0", projection_eraser([1.0, 0.0]), labels).table()
    assert list(table.columns) == ["feature", "measure", "value"]
    assert table.query("feature == 'feature_0'").set_index("measure")["value"].to_dict() == {
        "before": 1, "after": 0.5, "drop": 0.5, "majority": 0.5,
    }  # fmt: skip


class Bypass(nn.Module):
    """A residual network of `[stimulus, token, unit]` with normalisation, dropout and a rectifier in place."""

    def __init__(self):
        super().__init__()
        self.up, self.rectifier, self.down = nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 4)
        self.dropout, self.norm, self.readout = nn.Dropout(0.5), nn.LayerNorm(4), nn.Linear(4, 2)

    def forward(self, x):
        return self.readout(self.norm(x + self.dropout(self.down(self.rectifier(self.up(x))))).mean(1))


def test_erasers_of_units_and_of_all_positions():
    torch.manual_seed(0)
    network, inputs = Bypass().train(), torch.randn(30, 3, 4)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    labels = torch.arange(60).reshape(30, 2) % 2
    vector = torch.randn(4)
    units = ablate(network, inputs, "down", projection_eraser(vector), labels, batch_size=8)
    both = ablate(network, inputs, "down", projection_eraser(torch.block_diag(*[vector] * 3)), labels)
    assert both.after.tolist() == units.after.tolist()
    with (
        torch.no_grad(),
        editing(network.eval(), {"down": lambda x: x - (x @ vector)[..., None] * vector / vector.norm() ** 2}),
    ):
        expected = ((network(inputs) > 0) == labels.bool()).double().mean(0)
    assert units.after == pytest.approx(expected.numpy())
    network.train()
    ablate(network, inputs, "up", projection_eraser(torch.ones(6)), labels)
    assert all(module.training and not module._forward_hooks for module in network.modules())
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"layer": "1"}, ValueError, "no layer is called '1'; known: 0"),
        ({"eraser": projection_eraser([1.0])}, ValueError, r"the eraser has 1 units, layer '0' returns \[2\]"),
        ({"labels": [0, 1] * 20}, ValueError, "labels must hold the 2 features that the model predicts, got 1"),
        ({"labels": [[0, 1]]}, ValueError, "labels must have one row for each of the 40 stimuli"),
        ({"names": ["a", "a"]}, ValueError, "names must differ from one another"),
        ({"inputs": [[0.0, 1.0]]}, TypeError, "got float"),
    ],
)
def test_what_cannot_be_ablated_is_refused(changed, error, message):
    inputs, labels = signs()
    given_ = {"inputs": inputs, "layer": "0", "eraser": projection_eraser([1.0, 0.0]), "labels": labels} | changed
    with pytest.raises(error, match=message):
        ablate(nn.Sequential(nn.Identity()), **given_)
