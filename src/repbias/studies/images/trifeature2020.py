"""The predecessor's figures: how does training on one feature change how well the others can be decoded?

Hermann & Lampinen (2020) train networks to report one of shape, texture and colour of Trifeature images, with three of
ten classes of each held out, and decode all three from every layer before and after training. This study repeats their
experiment at reduced size: 64 px, narrow networks, and Adam until the feature is mastered.
"""

from repbias.experiments import Analysis, Claim, Condition, Level, Study, favours, quick_and_full
from repbias.models import AnyModel, ConvNet
from repbias.studies.images import NARROW, NOTE, image_condition

FACTORS = ("shape", "texture", "colour")
NETWORKS: dict[str, AnyModel] = {"plain network": ConvNet(norm="batch"), "residual network": NARROW}
STEPS = {"shape": 2_000, "texture": 1_500, "colour": 400}


def _others(target: str) -> tuple[str, ...]:
    return tuple(factor for factor in FACTORS if factor != target)


def _condition(network: str, target: str) -> Condition:
    return image_condition(
        f"{target}, {network}",
        {"target": target, "network": network},
        {target: target},
        size=64,
        fixed={},
        measured=_others(target),
        held_out=3,
        model=NETWORKS[network],
        validation=2_048,
        steps=STEPS[target],
    )


def _claims(target: str) -> tuple[Claim, ...]:
    where, others = {"target": (target,)}, _others(target)
    return (
        Claim(
            id="target enhanced",
            statement=f"Training on {target} makes {target} easier to decode from the pooling layer",
            contrast=Level(measure="decodable_gain", of=(target,)),
            where=where,
            sesoi=0.05,
        ),
        Claim(
            id="others suppressed",
            statement=f"Training on {target} makes the other features harder to decode",
            contrast=Level(measure="decodable_loss", of=others),
            where=where,
            sesoi=0.05,
        ),
    )


STUDY = Study(
    name="trifeature2020",
    title="Trifeature (2020)",
    question="How does training on one feature of an image change how well the others can be decoded?",
    domain="images",
    conditions=tuple(_condition(network, target) for network in NETWORKS for target in FACTORS),
    scales=quick_and_full(("colour, plain network",), seeds=(4, 10)),
    analysis=Analysis(
        function="repbias.analyses.decodability:analyse",
        measures=("decodable", "decodable_untrained", "decodable_gain", "decodable_loss"),
        curves={
            "decodable": ("stage, from input to output", "balanced accuracy of a classifier, trained network"),
            "decodable_untrained": ("stage, from input to output", "the same, before training"),
        },
    ),
    claims=(
        favours(
            "colour is given",
            "An untrained network's pooling layer gives away colour more than shape",
            measure="decodable_untrained",
            pair=("colour", "shape"),
            sesoi=0.1,
        ),
        *(claim for target in FACTORS for claim in _claims(target)),
    ),
    notes=(
        NOTE,
        "Here images have 64 px. Three classes of each of the three features never occur in training; validation and "
        "test images show the other classes, each with a held-out class of another feature.",
        "Textures are the hard feature at this size. A trial network of another seed, without norm, reported the "
        "texture of 99.8 % of its training images, and of 57 % of images with a shape or colour that it had never "
        "seen; a trial network with batch norm reported it of 68 % of these. A network that fails the accuracy "
        "criterion does not count.",
        "The classifier is a logistic regression on the unscaled layer, trained on 2,048 images and scored on 1,024 "
        "others. Chance is 1 in 7 for the target and 1 in 10 for the others.",
    ),
)
