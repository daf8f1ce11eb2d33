"""Audit a small convolutional network that was trained to report handwritten digits.

    python examples/digits.py [PAGE]

The digits are scikit-learn's (1,797 pictures of 8 x 8 pixels); half of them train the network, and the other half are
audited. The network is trained on the digit alone. Which other features of the pictures does each layer represent, how
much of its variance do they explain, and what does the network lose when they are ablated? Some follow from the digit:

    parity     odd or even
    over_five  6, 7, 8 or 9
    loop       0, 6, 8 and 9 have a closed loop; 4 counts as open, as it is mostly written

and others, which are continuous, vary with the writer:

    slant      how far the strokes lean to the right
    ink        the sum of the pixels

Prints the table and the conclusions, and writes the page (`digits.html` by default). About a minute on one core; the
same numbers at every run on one machine.
"""

from __future__ import annotations

import sys
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from repbias.activations.layers import evaluating
from repbias.audit.model import audit
from repbias.core.randomness import rng, torch_rng
from repbias.features.kinds import Feature, continuous

Labels: TypeAlias = dict[str, npt.NDArray[np.int64]]
SEED, STEPS, BATCH = 0, 400, 64
LOOPS = (0, 6, 8, 9)
LAYERS = ("stem.relu", "middle.relu", "hidden.relu", "readout")
SHOWN = (
    "r2_unbiased",
    "r2_unique",
    "decodability",
    "ablation_own",
    "ablation_others",
    "ablation_control",
    "steering_own",
    "steering_others",
    "steering_control",
)


def main() -> None:
    """Train the network, audit it, and print the results."""
    torch.set_num_threads(1)
    page = sys.argv[1] if len(sys.argv) > 1 else "digits.html"
    digits = load_digits()
    images = torch.from_numpy(digits.images / 8 - 1).float()[:, None]
    order = rng(SEED, "example", "split").permutation(len(images))
    train, test = np.array_split(order, 2)
    network = trained(images[train], torch.from_numpy(digits.target[train]))
    labels = features(digits.images[test], digits.target[test])
    print(f"Share of digits reported correctly: {accuracy(network, images[test], digits.target[test]):.1%}\n")
    report = audit(network, images[test], labels, LAYERS, predict=reports)
    table = report.table()
    shown = table[table["measure"].isin(SHOWN)]
    wide = shown.pivot_table("value", ["layer", "feature"], "measure", sort=False).reindex(columns=list(SHOWN))
    print(wide.round(3).to_string(na_rep=""), "\n")
    print(*report.sentences, sep="\n")
    print("\nPolicies:", *report.notes, sep="\n")
    report.save_html(page)
    print(f"\nThe page is {page}")


def network() -> nn.Module:
    """Return the network: two convolutions, a hidden layer and ten logits, its layers named."""

    def block(**layers: nn.Module) -> nn.Module:
        stack = nn.Sequential()
        for name, layer in layers.items():
            stack.add_module(name, layer)
        return stack

    return block(
        stem=block(conv=nn.Conv2d(1, 16, 3, padding=1), relu=nn.ReLU()),
        middle=block(conv=nn.Conv2d(16, 32, 3, stride=2, padding=1), relu=nn.ReLU()),
        flat=nn.Flatten(),
        hidden=block(linear=nn.Linear(32 * 4 * 4, 64), relu=nn.ReLU()),
        readout=nn.Linear(64, 10),
    )


def trained(images: Tensor, digits: Tensor) -> nn.Module:
    """Return a network trained with Adam to report the digit; its weights depend on the seed alone."""
    model, generator = network(), torch_rng(SEED, "example", "weights")
    for parameter in model.parameters():
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 1
        nn.init.normal_(parameter, std=(2 / fan_in) ** 0.5 if parameter.ndim > 1 else 0.0, generator=generator)
    optimizer, drawn = torch.optim.Adam(model.parameters(), lr=1e-3), rng(SEED, "example", "batches")
    for _ in range(STEPS):
        chosen = torch.from_numpy(drawn.integers(len(images), size=BATCH))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images[chosen]), digits[chosen]).backward()
        optimizer.step()
    return model


def accuracy(model: nn.Module, images: Tensor, digits: npt.NDArray[np.int64]) -> float:
    """Return the share of the digits that are reported correctly."""
    with torch.no_grad(), evaluating(model):
        return float((model(images).argmax(1).numpy() == digits).mean())


def of_digit(digits: npt.NDArray[np.int64]) -> Labels:
    """Return the features that follow from the digit."""
    return {
        "digit": digits,
        "parity": digits % 2,
        "over_five": (digits > 5).astype(np.int64),
        "loop": np.isin(digits, LOOPS).astype(np.int64),
    }


def reports(logits: Tensor) -> Labels:
    """Return what the network reports: the digit, and what follows from it."""
    return of_digit(logits.argmax(1).numpy())


def features(
    pictures: npt.NDArray[np.float64], digits: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[np.int64] | Feature]:
    """Return all features of pictures `[stimulus, row, column]`."""
    return {
        **of_digit(digits),
        "slant": continuous(slants(pictures)),
        "ink": continuous(pictures.sum((1, 2))),
    }


def slants(pictures: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how far each picture leans to the right: columns a row upwards, from the moments of its ink."""
    weights = pictures / pictures.sum((1, 2), keepdims=True)
    up, right = np.arange(8.0)[::-1, None], np.arange(8.0)[None, :]
    up = up - (weights * up).sum((1, 2), keepdims=True)
    right = right - (weights * right).sum((1, 2), keepdims=True)
    return np.asarray((weights * up * right).sum((1, 2)) / (weights * up**2).sum((1, 2)))


if __name__ == "__main__":
    main()
