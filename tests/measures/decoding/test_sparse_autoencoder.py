"""What a TopK autoencoder must recover, and what single latents must say of features."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score, roc_auc_score

from repbias.measures.decoding.dictionary import feature_in_latents
from repbias.measures.decoding.probes import probe
from repbias.measures.decoding.sparse_autoencoder import TopKAutoencoder, top_k, train_autoencoder


def planted_dictionary(n=3000, n_units=24, n_atoms=32, active=2, seed=0):
    """Return a representation, its atoms `[atom, unit]` and their strengths `[stimulus, atom]`."""
    rng = np.random.default_rng(seed)
    atoms = rng.normal(size=(n_atoms, n_units))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    used = rng.random((n, n_atoms)).argsort(1) < active
    strengths = used * rng.uniform(0.5, 1.5, (n, n_atoms))
    return strengths @ atoms + 0.01 * rng.normal(size=(n, n_units)), atoms, strengths


@pytest.fixture(scope="module")
def trained():
    x, atoms, strengths = planted_dictionary()
    return x, atoms, strengths, train_autoencoder(3 * x[:2500] + 7, n_latents=64, k=2, steps=1000)


def test_a_planted_dictionary_is_recovered(trained):
    x, atoms, _, found = trained
    cosine = atoms @ found.decoder.double().numpy().T
    assert cosine.max(1).mean() > 0.9
    assert found.r2(3 * x[2500:] + 7) > 0.9
    random = torch.nn.functional.normalize(torch.randn(64, 24, generator=torch.Generator().manual_seed(0)), dim=1)
    assert (atoms @ random.double().numpy().T).max(1).mean() < 0.7  # what 64 directions reach by luck


def test_planted_atoms_have_latents_of_their_own(trained):
    x, _, strengths, found = trained
    labels = (strengths[:, :6] > 0).astype(int)
    latents = found.encode(3 * x + 7)
    fit, test = slice(0, 1500), slice(1500, None)
    best = feature_in_latents(latents[fit], labels[fit], test_latents=latents[test], test_labels=labels[test])
    units = feature_in_latents(x[fit], labels[fit], test_latents=x[test], test_labels=labels[test])
    assert best.auroc.mean() > 0.95
    assert units.auroc.mean() < best.auroc.mean() - 0.05
    assert len(set(best.best.tolist())) == 6


def test_encoding_follows_its_definition(trained):
    x, _, _, found = trained
    phi = torch.from_numpy(3 * x + 7).float()
    latents = found.encode(phi)
    assert latents.shape == (3000, 64)
    assert int((latents > 0).sum(1).max()) <= 2
    assert bool((latents >= 0).all())
    before = (phi - found.pre_bias) @ found.encoder.T
    kept = latents > 0
    assert torch.equal(latents[kept], before[kept])
    threshold = before.sort(1, descending=True).values[:, 1:2]
    assert torch.equal(kept, (before >= threshold) & (before > 0))
    expected = latents @ found.decoder + found.pre_bias
    assert torch.allclose(found.decode(latents), expected)
    error = ((found.decode(latents).double() - phi.double()) ** 2).sum()
    assert found.r2(phi) == pytest.approx(float(1 - error / ((phi.double() - phi.double().mean(0)) ** 2).sum()))
    fitted = found.encode(phi[:2500])
    assert found.dead.tolist() == (~(fitted > 0).any(0)).tolist()
    assert found.fit_r2 == pytest.approx(found.r2(phi[:2500]), abs=1e-4)
    assert found.decoder.norm(dim=1).numpy() == pytest.approx(1, abs=1e-5)
    assert found.loss[-50:].mean() < 0.5 * found.loss[:50].mean()


def test_initialisation_is_tied_and_of_unit_norm():
    model = TopKAutoencoder(5, 9, 2, torch.Generator().manual_seed(0))
    assert torch.equal(model.encoder, model.decoder)
    assert model.decoder.norm(dim=1).detach().numpy() == pytest.approx(1, abs=1e-6)
    model(torch.randn(7, 5))[0].square().sum().backward()
    model.project_gradient()
    assert (model.decoder.grad * model.decoder).sum(1).abs().max() < 1e-5


def test_top_k_keeps_the_largest_that_are_above_zero():
    values = torch.tensor([[3.0, -1.0, 2.0, 1.0], [-1.0, -2.0, 0.5, -3.0]])
    assert top_k(values, 2).tolist() == [[3.0, 0.0, 2.0, 0.0], [0.0, 0.0, 0.5, 0.0]]


def test_the_seed_fixes_the_weights():
    x = planted_dictionary(n=300)[0]
    one, same, other = (train_autoencoder(x, n_latents=12, k=2, steps=60, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.decoder, same.decoder)
    assert torch.equal(one.encoder, same.encoder)
    assert not torch.equal(one.decoder, other.decoder)
    state = torch.random.get_rng_state()
    train_autoencoder(x, n_latents=12, k=2, steps=2)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_scale_of_the_representation_does_not_matter(scale):
    x = planted_dictionary(n=300)[0]
    one, scaled = (train_autoencoder(values, n_latents=12, k=2, steps=40) for values in (x, scale * x))
    assert scaled.fit_r2 == pytest.approx(one.fit_r2, abs=1e-3)
    assert scaled.encode(scale * x).numpy() == pytest.approx(scale * one.encode(x).numpy(), abs=scale * 1e-3)


def test_a_dead_layer_and_more_latents_than_stimuli_are_trained_on():
    dead = train_autoencoder(np.full((20, 4), 0.1), n_latents=6, k=2, steps=5)
    assert dead.fit_r2 == dead.r2(np.full((20, 4), 0.1)) == 0
    few = train_autoencoder(np.random.default_rng(0).normal(size=(5, 40)), n_latents=20, k=3, steps=20)
    assert np.isfinite(few.table()["value"]).all()
    assert list(few.table().columns) == ["feature", "measure", "value"]
    assert dict(zip(few.table()["measure"], few.table()["value"], strict=True))["k"] == 3


def test_wrong_numbers_are_refused():
    x = planted_dictionary(n=50)[0]
    for change, message in (
        ({"n_latents": 0}, "n_latents must be 1 or more, got 0"),
        ({"k": 0}, "k must be from 1 to n_latents, 8, got 0"),
        ({"k": 9}, "k must be from 1 to n_latents, 8, got 9"),
        ({"steps": 0}, "steps must be 1 or more, got 0"),
        ({"batch_size": 0}, "batch_size must be 1 or more, got 0"),
        ({"lr": 0.0}, "lr must be finite and above 0, got 0.0"),
    ):
        with pytest.raises(ValueError, match=message):
            train_autoencoder(x, **{"n_latents": 8, "k": 2, "steps": 1} | change)
    found = train_autoencoder(x, n_latents=8, k=2, steps=1)
    for method, message in ((found.encode, "5 units, .* 24"), (found.decode, r"\[stimulus, 8\], got shape \(50, 5\)")):
        with pytest.raises(ValueError, match=message):
            method(x[:, :5])


def latents_with_features(seed=0, n=800):
    """Feature 0 in latent 4, sign turned; feature 1 in latents 1 and 2, half of its stimuli each; 2 nowhere."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (n, 3))
    z = np.maximum(rng.normal(size=(n, 10)), 0)
    z[:, 4] = 2 - 2 * labels[:, 0] + 0.1 * rng.random(n)
    half = rng.random(n) < 0.5
    z[:, 1], z[:, 2] = labels[:, 1] * half, labels[:, 1] * ~half
    z[:, 9] = 0
    fit, test = slice(0, n // 2), slice(n // 2, None)
    return {"latents": z[fit], "labels": labels[fit], "test_latents": z[test], "test_labels": labels[test]}


def test_single_latents_are_found_and_shared_features_are_not():
    found = feature_in_latents(**latents_with_features(), names=["own", "shared", "none"], threshold=0.7)
    assert found.best[0] == 4
    assert found.best[1] in (1, 2)
    assert found.auroc[0] == 1
    assert found.auroc[1] == pytest.approx(0.75, abs=0.05)
    assert found.r2[0] > 0.99
    assert found.r2[1] == pytest.approx(1 / 3, abs=0.06)  # of a feature seen in half of its stimuli
    assert found.n_above[0] == 1
    assert found.n_above[2] == 0
    assert found.probe_accuracy[:2].tolist() == [1.0, 1.0]
    assert found.latent_auroc[:, 9].tolist() == [0.5, 0.5, 0.5]
    table = found.table()
    assert list(table.columns) == ["feature", "measure", "value"]
    assert not table.duplicated(["feature", "measure"]).any()
    assert set(table["measure"]) == {"best", "auroc", "r2", "n_above", "probe_accuracy"}


def test_null_features_give_null_results():
    found = [feature_in_latents(**latents_with_features(seed)) for seed in range(12)]
    assert np.mean([f.auroc[2] for f in found]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([f.r2[2] for f in found]) == pytest.approx(0.0, abs=0.03)
    assert np.mean([f.probe_accuracy[2] for f in found]) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("kind", ["random", "few stimuli", "constant units", "repeated stimuli"])
def test_scores_agree_with_scikit_learn(kind):
    rng = np.random.default_rng(0)
    n, units = (16, 40) if kind == "few stimuli" else (120, 8)
    z, y = rng.normal(size=(n, units)).round(1), rng.integers(0, 2, (n, 2))
    z[:, 3] += y[:, 0]
    if kind == "constant units":
        z[:, [0, 2]] = 0.1
    if kind == "repeated stimuli":
        z[10:60] = z[10]
    fit, test = slice(0, n // 2), slice(n // 2, None)
    found = feature_in_latents(z[fit], y[fit], test_latents=z[test], test_labels=y[test])
    for feature in (0, 1):
        on_fit = np.array([roc_auc_score(y[fit, feature], z[fit, j]) for j in range(units)])
        on_test = np.array([roc_auc_score(y[test, feature], z[test, j]) for j in range(units)])
        oriented = np.where(on_fit < 0.5, 1 - on_test, on_test)
        best = int(np.abs(on_fit - 0.5).argmax())
        assert found.latent_auroc[feature] == pytest.approx(oriented, abs=1e-12)
        assert found.best[feature] == best
        assert found.auroc[feature] == pytest.approx(oriented[best], abs=1e-12)
        predicted = LinearRegression().fit(z[fit][:, [best]], y[fit, feature]).predict(z[test][:, [best]])
        about_fit_mean = (
            1 - ((y[test, feature] - predicted) ** 2).sum() / ((y[test, feature] - y[fit, feature].mean()) ** 2).sum()
        )
        assert found.r2[feature] == pytest.approx(about_fit_mean, abs=1e-6)
        assert found.r2[feature] >= r2_score(y[test, feature], predicted) - 1e-12
    direct = probe(z[fit], y[fit], test_representation=z[test], test_labels=y[test])
    assert found.probe_accuracy.tolist() == direct.accuracy.tolist()


def test_wrong_latents_are_refused():
    data = latents_with_features()
    for change, message in (
        ({"threshold": 0.3}, "threshold must be an AUROC from .5 to 1, got 0.3"),
        ({"labels": data["labels"] * 2, "test_labels": data["test_labels"] * 2}, "two classes, 0 and 1, got 3 classes"),
        ({"test_labels": data["test_labels"] * 0}, "must hold both values of every feature, got only 0"),
        ({"test_latents": data["test_latents"][:, :4]}, "test_latents has 4 units"),
        ({"classifier": "svn"}, "did you mean 'svm'"),
    ):
        with pytest.raises(ValueError, match=message):
            feature_in_latents(**data | change)
