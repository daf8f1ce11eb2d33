"""Learning order of images: does training shape first narrow the lead of colour, or add to a lead of shape?

This is the counterpart of `order` and `string_order`. Colour and shape are learned together, or one of them is trained
alone until it is mastered.
"""

from repbias.experiments import LevelDifference, Study, favours, quick_and_full
from repbias.models import AnyModel, ConvNet
from repbias.studies.images import NARROW, NOTE, image_condition

TOGETHER, SHAPE_FIRST, COLOUR_FIRST = "together", "shape first", "colour first"
FIRST = {TOGETHER: None, SHAPE_FIRST: "shape", COLOUR_FIRST: "colour"}
NETWORKS: dict[str, AnyModel] = {"plain network": ConvNet(), "residual network": NARROW}
STEPS = {"plain network": 2_400, "residual network": 800}

STUDY = Study(
    name="vision_order",
    title="Learning order of images",
    question="Does the feature of an image that is learned first keep more of the pooling layer?",
    domain="images",
    conditions=tuple(
        image_condition(
            f"{network}, {regime}",
            {"network": network, "regime": regime},
            first=first,
            model=model,
            steps=STEPS[network],
        )
        for network, model in NETWORKS.items()
        for regime, first in FIRST.items()
    ),
    scales=quick_and_full((f"residual network, {regime}" for regime in (TOGETHER, SHAPE_FIRST)), seeds=(4, 10)),
    claims=(
        favours(
            "C4",
            "Training shape first moves the balance from colour to shape",
            pair=("colour", "shape"),
            compare=LevelDifference(factor="regime", more=TOGETHER, less=SHAPE_FIRST),
            sesoi=0.02,
        ),
        favours(
            "control",
            "Training colour first moves the balance towards colour",
            pair=("colour", "shape"),
            illuminates="C4",
            compare=LevelDifference(factor="regime", more=COLOUR_FIRST, less=TOGETHER),
            test="sign",
            sesoi=0.02,
        ),
    ),
    notes=(
        NOTE,
        "The plain network has four convolutions with 16, 32, 64 and 64 channels and no norm.",
    ),
)
