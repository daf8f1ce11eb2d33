"""Digits on coloured backgrounds: does colour explain more of a representation than the shape of handwritten digits?

The pictures are scikit-learn's handwritten digits, white on a background of one colour. Networks report the colour,
which is the easy feature, and the digit or its parity, which is the hard one.
"""

from __future__ import annotations

import colorsys
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from repbias.core.randomness import rng
from repbias.experiments import Condition, FeatureDifference, LayerSlope, Study, favours, quick_and_full
from repbias.experiments.claim import Claim
from repbias.models import MLP, AnyModel, ConvNet
from repbias.tasks import ArrayTask, UserTask
from repbias.training import Adam, Phase, Training

COPIES = 3  # of each picture, on different colours
LIGHTNESS = 0.3
LIMIT = 8_000


def digits_on_colours(shape: Literal["digit", "parity"]) -> ArrayTask:
    """Return the task with the features colour and shape, each of ten classes (digit) or of two (parity).

    Each picture occurs on three colours (parity: on the two colours) that do not depend on the digit, and all its
    copies are in one split.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    n, copies = (10, COPIES) if shape == "digit" else (2, 2)
    order = rng(0, "study", "digits", "colours").permuted(np.tile(np.arange(n), (len(digits.images), 1)), axis=1)
    colour = order[:, :copies].reshape(-1)
    picture = np.repeat(np.arange(len(digits.images)), copies)
    digit = digits.target[picture]
    labels = {"colour": colour, "shape": digit if shape == "digit" else digit % 2, "picture": picture}
    images = painted(digits.images[picture] / digits.images.max(), background(n)[colour])
    return ArrayTask(images, labels, groups="picture", axes="channel row column")


def background(n: int) -> NDArray[np.float64]:
    """Return `n` colours of one lightness, with hues equally far apart, `[colour, channel]` between 0 and 1."""
    return np.array([colorsys.hls_to_rgb(hue / n, LIGHTNESS, 1.0) for hue in range(n)])


def painted(ink: NDArray[np.float64], ground: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return pictures `[stimulus, channel, row, column]`, white where the ink `[stimulus, row, column]` is 1."""
    mixed = ink[:, None] + (1 - ink[:, None]) * ground[:, :, None, None]
    return np.floor(255 * mixed + 0.5).astype(np.uint8)


NETWORKS: dict[str, AnyModel] = {
    "MLP": MLP(widths=(128, 128, 128), activation="relu"),
    "ConvNet": ConvNet(channels=(16, 32)),
}


def condition(shape: str, network: str) -> Condition:
    """Return the condition in which a network reports colour and shape."""
    return Condition(
        name=f"{shape}, {network}",
        factors={"shape": shape, "network": network},
        task=UserTask(function=f"{__name__}:digits_on_colours", settings={"shape": shape}),
        model=NETWORKS[network],
        training=Training(
            optimizer=Adam(lr=1e-3),
            batch=64,
            phases=(Phase(steps=LIMIT, extra=500),),
            check_every=100,
            checkpoints_per_decade=3,
        ),
        steps=3_000,
    )


STUDY = Study(
    name="digits_and_colour",
    title="Digits and colour",
    question="Does colour explain more of a representation than the shape of handwritten digits?",
    domain="arrays",
    conditions=tuple(condition(shape, network) for network in NETWORKS for shape in ("digit", "parity")),
    scales=quick_and_full(quick=("digit, MLP", "parity, MLP"), seeds=(4, 10)),
    claims=(
        favours(
            "colour",
            "Colour explains more variance than the shape of the digits",
            pair=("colour", "shape"),
            sesoi=0.05,
        ),
        Claim(
            id="layers",
            statement="The balance moves from colour to shape from the first hidden layer to the last",
            contrast=LayerSlope(measure="r2", more="shape", less="colour"),
            sesoi=0.01,
        ),
        Claim(
            id="input",
            statement="Colour explains more variance of the pixels than the shape of the digits",
            contrast=FeatureDifference(measure="r2", more="colour", less="shape", layer="input"),
            sesoi=0.05,
        ),
    ),
    notes=(
        "The question and all settings are ours. The pictures are the 1,797 handwritten digits of 8 x 8 pixels that "
        "scikit-learn ships.",
        "What is matched: both features have the same number of classes, outputs, loss and labelled items, and colour "
        "is independent of the digit, because each picture occurs on several colours that are drawn without regard to "
        "the digit. All copies of a picture are in one split.",
        "What is not matched: the colour covers more pixels than the ink, it is the same in all pictures of its class "
        "whereas handwriting varies, and parity is a feature that no stroke shows directly. Both features can be read "
        "linearly from the pixels to some extent, which the check of the design reports.",
        "A network trains until both features have a validation accuracy of 99 % and 500 steps more, or until the "
        f"mean accuracy has not risen by 0.1 percentage points for 2,000 steps, but at most {LIMIT:,} steps.",
    ),
)
