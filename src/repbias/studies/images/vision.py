"""Vision: does a plain network favour colour and a residual one shape, and do skips cause the change?

Colour is the easy feature and shape the hard one. The paper compares a plain network with a ResNet, which differ in
more than skips. Here one narrow network has skips or not, crossed with batch norm or none and with three optimisers.
For comparison, there are deeper networks, a plain network, an MLP, which has no notion of space, and textured images.
"""

from itertools import product

from repbias.experiments import (
    Condition,
    Effects,
    FeatureDifference,
    Interaction,
    LevelDifference,
    Study,
    favours,
    quick_and_full,
)
from repbias.models import MLP, AnyModel, ConvNet, ResNet
from repbias.studies.images import NARROW, NOTE, image_condition
from repbias.training import SGD, Adam
from repbias.training.optimizers import AnyOptimizer

NO_SKIPS, WITH_SKIPS = "no skips", "skips"
SKIPS = {NO_SKIPS: False, WITH_SKIPS: True}
NORMS = {"no norm": "none", "batch norm": "batch"}
NO_NORM, BATCH_NORM = NORMS
OPTIMIZERS: dict[str, AnyOptimizer] = {
    "SGD": SGD(lr=0.05),
    "momentum": SGD(lr=0.005, momentum=0.9),
    "Adam": Adam(lr=1e-3),
}
RESIDUAL, PLAIN, PIXELS = "residual", "plain", "MLP"
DEEPER, TEXTURED = "residual, deeper", "residual, textured"
LIMIT = 6_000
# About how many steps a network takes (for the estimate of cost).
STEPS = {
    RESIDUAL: {
        (NO_NORM, "SGD"): 2_200, (NO_NORM, "momentum"): 1_400, (NO_NORM, "Adam"): 700,
        (BATCH_NORM, "SGD"): 1_700, (BATCH_NORM, "momentum"): 1_600, (BATCH_NORM, "Adam"): 800,
    },
    DEEPER: {(BATCH_NORM, "Adam"): 700},
    TEXTURED: {(NO_NORM, "Adam"): 3_500},
    PLAIN: {
        (NO_NORM, "SGD"): 2_500, (NO_NORM, "momentum"): 1_400, (NO_NORM, "Adam"): 900,
        (BATCH_NORM, "SGD"): 4_200, (BATCH_NORM, "momentum"): 3_700, (BATCH_NORM, "Adam"): 2_200,
    },
    PIXELS: {
        (NO_NORM, "SGD"): 2_200, (NO_NORM, "momentum"): 2_500, (NO_NORM, "Adam"): 2_700,
        (BATCH_NORM, "SGD"): 3_100, (BATCH_NORM, "momentum"): 2_700, (BATCH_NORM, "Adam"): 2_800,
    },
}  # fmt: skip


def _condition(
    name: str, network: str, model: AnyModel, norm: str, optimizer: str, wiring: str = NO_SKIPS
) -> Condition:
    return image_condition(
        f"{name}, {norm}, {optimizer}",
        {"network": network, "norm": norm, "optimizer": optimizer, "wiring": wiring},
        fixed={} if network == TEXTURED else None,
        model=model,
        optimizer=OPTIMIZERS[optimizer],
        limit=LIMIT,
        steps=STEPS[network][norm, optimizer],
    )


def _residual(wiring: str, norm: str, optimizer: str, network: str = RESIDUAL) -> Condition:
    blocks = (2 if network == DEEPER else 1,) * len(NARROW.widths)
    model = ResNet(widths=NARROW.widths, blocks=blocks, skips=SKIPS[wiring], norm=NORMS[norm])
    name = f"residual network, {wiring}{network.removeprefix(RESIDUAL)}"
    return _condition(name, network, model, norm, optimizer, wiring)


CROSSED = tuple(_residual(*cell) for cell in product(SKIPS, NORMS, OPTIMIZERS))
ALL_RESIDUAL = (RESIDUAL, DEEPER, TEXTURED)
BESIDE = (
    *(_condition("plain network", PLAIN, ConvNet(norm=NORMS[norm]), norm, name) for norm, name in STEPS[PLAIN]),
    *(_condition("MLP on pixels", PIXELS, MLP(norm=NORMS[norm]), norm, name) for norm, name in STEPS[PIXELS]),
    *(
        _residual(wiring, *cell, network)
        for network in (DEEPER, TEXTURED)
        for cell in STEPS[network]
        for wiring in SKIPS
    ),
)
LEAN = FeatureDifference(measure="r2", more="colour", less="shape")

STUDY = Study(
    name="vision",
    title="Vision",
    question="Do networks favour colour over shape, and do skips change the sign?",
    domain="images",
    conditions=(*CROSSED, *BESIDE),
    scales=quick_and_full((_residual(wiring, BATCH_NORM, "Adam").name for wiring in SKIPS), seeds=(4, 10)),
    claims=(
        favours(
            "C12",
            "A residual network with batch norm favours shape",
            pair=("shape", "colour"),
            where={"network": ALL_RESIDUAL, "norm": (BATCH_NORM,), "wiring": (WITH_SKIPS,)},
            sesoi=0.05,
        ),
        favours(
            "C12",
            "A plain network, without norm and trained by SGD, favours colour at its pooling layer",
            pair=("colour", "shape"),
            where={"network": (PLAIN,), "norm": (NO_NORM,), "optimizer": ("SGD",)},
            sesoi=0.05,
        ),
        favours(
            "C12",
            "Skips move the balance from colour to shape",
            pair=("colour", "shape"),
            compare=LevelDifference(factor="wiring", more=NO_SKIPS, less=WITH_SKIPS),
            where={"network": ALL_RESIDUAL},
            sesoi=0.05,
        ),
        favours(
            "norm",
            "Batch norm moves the balance from colour to shape",
            pair=("colour", "shape"),
            illuminates="C12",
            compare=LevelDifference(factor="norm", more=NO_NORM, less=BATCH_NORM),
            where={"network": (RESIDUAL, PLAIN)},
            sesoi=0.05,
        ),
        favours(
            "skips by norm",
            "Skips move the balance by more without norm than with it",
            pair=("colour", "shape"),
            illuminates="C12",
            compare=Interaction(
                factor="wiring", more=NO_SKIPS, less=WITH_SKIPS, by="norm", by_more=NO_NORM, by_less=BATCH_NORM
            ),
            where={"network": (RESIDUAL,)},
            sesoi=0.05,
        ),
        favours(
            "per stimulus",
            "The per-stimulus form of R2 favours shape in a residual network with batch norm, too",
            measure="r2_per_stimulus",
            pair=("shape", "colour"),
            illuminates="C12",
            where={"network": ALL_RESIDUAL, "norm": (BATCH_NORM,), "wiring": (WITH_SKIPS,)},
            test="sign",
            sesoi=0.05,
        ),
    ),
    effects=(
        Effects(contrast=LEAN, factors=("wiring", "norm", "optimizer"), where={"network": (RESIDUAL,)}, sesoi=0.05),
    ),
    notes=(
        NOTE,
        "The network without skips is otherwise the same as the one with skips. The deeper network has two blocks "
        "per stage. The textured networks see images with all ten textures and have no norm: with batch norm, trial "
        "networks on textured images reported 97 % of the shapes correctly with the statistics of a batch, but 66 to "
        "85 % with the running averages.",
        "Learning rates are 0.05 (SGD), 0.005 (momentum 0.9) and 0.001 (Adam), the same with and without norm, and "
        f"training takes at most {LIMIT:,} steps. We fixed all of this on single networks of other seeds.",
        "The plain network has four convolutions with 16, 32, 64 and 64 channels. The MLP reads pixels through "
        "hidden layers of 256, 128, 64 and 64 units. It has no pooling layer, and its last hidden layer takes that "
        "place.",
        "A network counts where it reports both features with more than 95 % accuracy: networks are compared at "
        "matched accuracy and not at matched steps.",
    ),
)
