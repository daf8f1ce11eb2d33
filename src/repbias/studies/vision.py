"""Vision: does a plain network favour colour and a residual one shape, and is it the skips that turn the sign?

Colour is the easy feature, shape the hard one. The paper compares a plain network with a ResNet, which differ in more
than skips. Here one narrow network has its skips or not, crossed with batch norm or none and three optimisers; deeper
ones, a plain network and textured images stand beside it.
"""

from itertools import product

from repbias.models import ConvNet, ResNet
from repbias.studies.comparisons import Interaction, LevelDifference
from repbias.studies.contrasts import FeatureDifference
from repbias.studies.effects import Effects
from repbias.studies.images import NARROW, NOTE, image_condition
from repbias.studies.member import AnyModel
from repbias.studies.study import Claim, Condition, Scale, Study
from repbias.training import SGD, Adam
from repbias.training.optimizers import AnyOptimizer

NO_SKIPS, WITH_SKIPS = "no skips", "skips"
SKIPS = {NO_SKIPS: False, WITH_SKIPS: True}
NORMS = ("none", "batch")
OPTIMIZERS: dict[str, AnyOptimizer] = {
    "SGD": SGD(lr=0.05),
    "momentum": SGD(lr=0.005, momentum=0.9),
    "Adam": Adam(lr=1e-3),
}
RESIDUAL, PLAIN = "residual network", "plain network"
LIMIT = 6_000
# About how many steps a member takes, for the estimate of cost.
STEPS = {
    ("none", "SGD"): 2_000, ("none", "momentum"): 2_000, ("none", "Adam"): 1_000,
    ("batch", "SGD"): 1_200, ("batch", "momentum"): 1_200, ("batch", "Adam"): 800,
}  # fmt: skip


def _condition(
    network: str, model: AnyModel, norm: str, optimizer: str, described: str = "", **levels: str
) -> Condition:
    normed = "no norm" if norm == "none" else f"{norm} norm"
    factors = {"network": network, "blocks": "1", "texture": "solid", "norm": norm, "optimizer": optimizer, **levels}
    return image_condition(
        ", ".join(part for part in (network, described, normed, optimizer) if part),
        factors,
        fixed=None if factors["texture"] == "solid" else {},
        model=model,
        optimizer=OPTIMIZERS[optimizer],
        limit=LIMIT,
        steps=STEPS[norm, optimizer],
    )


def _residual(skips: str, norm: str, optimizer: str, blocks: int = 1, texture: str = "solid") -> Condition:
    model = ResNet(widths=NARROW.widths, blocks=(blocks,) * 4, skips=SKIPS[skips], norm=norm)
    described = skips + ", deeper" * (blocks > 1) + ", textured" * (texture != "solid")
    return _condition(RESIDUAL, model, norm, optimizer, described, skips=skips, blocks=str(blocks), texture=texture)


CROSSED = tuple(_residual(*cell) for cell in product(SKIPS, NORMS, OPTIMIZERS))
CROSSING = {"network": (RESIDUAL,), "blocks": ("1",), "texture": ("solid",)}
LEAN = FeatureDifference(measure="r2", more="colour", less="shape")

STUDY = Study(
    name="vision",
    title="Vision",
    question="Do networks favour colour over shape, and is it skips that turn the sign?",
    domain="images",
    conditions=(
        *CROSSED,
        *(_condition(PLAIN, ConvNet(norm=norm), norm, name) for norm in NORMS for name in OPTIMIZERS),
        *(_residual(skips, "batch", "Adam", blocks=2) for skips in SKIPS),
        *(_residual(skips, "batch", "Adam", texture="any") for skips in SKIPS),
    ),
    scales={
        "quick": Scale(conditions=tuple(_residual(skips, "batch", "Adam").name for skips in SKIPS), seeds=4),
        "full": Scale(seeds=10),
    },
    claims=(
        Claim(
            id="C12",
            statement="A plain network, without norm and trained by SGD, favours colour at its pooling layer",
            strength="B",
            contrast=LEAN,
            where={"network": (PLAIN,), "norm": ("none",), "optimizer": ("SGD",)},
            minimum=0.05,
        ),
        Claim(
            id="C12",
            statement="A residual network with batch norm favours shape",
            strength="B",
            contrast=FeatureDifference(measure="r2", more="shape", less="colour"),
            where={"network": (RESIDUAL,), "norm": ("batch",), "skips": (WITH_SKIPS,)},
            minimum=0.05,
        ),
        Claim(
            id="C12",
            statement="Skips move the balance from colour to shape",
            strength="B",
            contrast=LEAN,
            compare=LevelDifference(factor="skips", more=NO_SKIPS, less=WITH_SKIPS),
            where={"network": (RESIDUAL,)},
            minimum=0.05,
        ),
        Claim(
            id="norm",
            statement="Batch norm moves the balance from colour to shape",
            strength="C",
            contrast=LEAN,
            compare=LevelDifference(factor="norm", more="none", less="batch"),
            where={"blocks": ("1",), "texture": ("solid",)},
            minimum=0.05,
        ),
        Claim(
            id="skips by norm",
            statement="Skips move the balance by more without norm than with it",
            strength="C",
            contrast=LEAN,
            compare=Interaction(
                factor="skips", more=NO_SKIPS, less=WITH_SKIPS, by="norm", by_more="none", by_less="batch"
            ),
            where=CROSSING,
            minimum=0.05,
        ),
        Claim(
            id="per stimulus",
            statement="The per-stimulus form of R2 favours shape in a residual network with batch norm, too",
            strength="C",
            contrast=FeatureDifference(measure="r2_per_stimulus", more="shape", less="colour"),
            where={"network": (RESIDUAL,), "norm": ("batch",), "skips": (WITH_SKIPS,)},
            minimum=0.0,
        ),
    ),
    effects=(Effects(contrast=LEAN, factors=("skips", "norm", "optimizer"), where=CROSSING, minimum=0.05),),
    notes=(
        NOTE,
        "The network without skips is the same but for them. Learning rates are 0.05 (SGD), 0.005 (momentum 0.9) "
        "and 0.001 (Adam), the same with and without norm. At most "
        f"{LIMIT:,} steps are taken. All this was fixed on single members of other seeds.",
        "A member counts where it reports both features with more than 95 % accuracy: networks are compared at matched "
        "accuracy, not at matched steps.",
    ),
)
