"""The loss is the sum over features of torch's cross-entropies over labelled items, averaged over the batch."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from repbias.models import MLP
from repbias.models.model import feature_loss, n_outputs, output_slices, predictions
from repbias.training import SGD, train

CASES = [(2,), (2, 2), (3,), (2, 4, 2), (5, 2, 3)]


def drawn(n_classes, seed=0, n=50, labelled=0.8):
    random = np.random.default_rng(seed)
    labels = np.stack([random.integers(0, count, n) for count in n_classes], axis=1)
    labels = np.where(random.random(labels.shape) < labelled, labels, -1)
    logits = 3 * random.normal(size=(n, n_outputs(n_classes)))
    weights = random.choice([0.0, 0.5, 1.0], len(n_classes))
    weights[0] = 1
    return [torch.from_numpy(a.astype(np.float32)) for a in (logits, labels, weights)]


def torchs_own(logits, labels, weights, n_classes):
    total = 0.0
    for i, (part, count) in enumerate(zip(output_slices(n_classes), n_classes, strict=True)):
        labelled = labels[:, i] >= 0
        if count == 2:
            own = functional.binary_cross_entropy_with_logits(
                logits[labelled, part.start], labels[labelled, i], reduction="sum"
            )
        else:
            own = functional.cross_entropy(logits[labelled, part], labels[labelled, i].long(), reduction="sum")
        total = total + weights[i] * own / len(labels)
    return total


@pytest.mark.parametrize("n_classes", CASES, ids=str)
def test_value_and_gradient_are_those_of_torchs_losses(n_classes):
    logits, labels, weights = drawn(n_classes)
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss, expected = feature_loss(ours, labels, weights, n_classes), torchs_own(theirs, labels, weights, n_classes)
    torch.testing.assert_close(loss.float(), expected, rtol=1e-5, atol=1e-6)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("n_classes", CASES, ids=str)
def test_unlabelled_items_add_nothing_to_the_loss(n_classes):
    logits, labels, weights = drawn(n_classes)
    labels[::2] = -1
    logits.requires_grad_()
    loss = feature_loss(logits, labels, weights, n_classes)
    loss.backward()
    assert not logits.grad[::2].any()
    assert logits.grad[1::2].any()
    half = feature_loss(logits.detach()[1::2], labels[1::2], weights, n_classes)
    torch.testing.assert_close(loss, half / 2)


def test_a_feature_out_of_the_phase_adds_nothing():
    logits, labels, _ = drawn((2, 3, 2), labelled=1.0)
    logits.requires_grad_()
    feature_loss(logits, labels, torch.tensor([1.0, 0, 1]), (2, 3, 2)).backward()
    assert not logits.grad[:, 1:4].any()
    assert logits.grad[:, 0].all()
    assert logits.grad[:, 4].all()


@pytest.mark.parametrize("logit", [-1e4, -90.0, 90.0, 1e4])
def test_large_logits_do_not_overflow(logit):
    logits = torch.full((4, 1), logit, requires_grad=True)
    labels = torch.tensor([[0.0], [1], [0], [1]])
    loss = feature_loss(logits, labels, torch.ones(1), (2,))
    loss.backward()
    assert loss.item() == pytest.approx(abs(logit) / 2)
    right = labels[:, 0] == (logit > 0)
    torch.testing.assert_close(logits.grad[:, 0].abs(), torch.where(right, 0.0, 0.25))


def test_predictions_are_the_likeliest_class():
    logits = torch.tensor([[0.5, 1.0, 3.0, 2.0, -1.0], [-0.5, 4.0, 3.0, 2.0, 1.0]])
    assert predictions(logits, (2, 3, 2)).tolist() == [[1, 1, 0], [0, 0, 1]]
    assert output_slices((2, 3, 2)) == [slice(0, 1), slice(1, 4), slice(4, 5)]


def test_asking_for_less_trains_another_network(task, fixed):
    features = task.model_dump()["features"]
    features["hard"]["labelled"] = 0.15
    less = type(task).model_validate(task.model_dump() | {"features": features})
    everything, some = (train(t, MLP(widths=(8,)), seeds=1, training=fixed(SGD(lr=0.5))) for t in (task, less))
    assert (some[0].stimuli.train.labels[:, 1] == -1).mean() == pytest.approx(0.85, abs=0.01)
    moved = [abs(n[0].module.readout.bias.detach().numpy()) for n in (everything, some)]
    assert not np.allclose(moved[0], moved[1])
