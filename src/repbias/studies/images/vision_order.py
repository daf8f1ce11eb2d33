"""Learning order of images: does training shape first narrow the lead of colour, or add to a lead of shape?

This is the counterpart of `order` and `string_order`. Colour and shape are learned together, or one of them is trained
alone until it is mastered.
"""

from repbias.experiments.comparisons import LevelDifference
from repbias.experiments.contrasts import FeatureDifference
from repbias.experiments.network_spec import AnyModel
from repbias.experiments.study import Claim, Scale, Study
from repbias.models import ConvNet
from repbias.studies.images.common import NARROW, NOTE, image_condition

TOGETHER, SHAPE_FIRST, COLOUR_FIRST = "together", "shape first", "colour first"
FIRST = {TOGETHER: None, SHAPE_FIRST: "shape", COLOUR_FIRST: "colour"}
NETWORKS: dict[str, AnyModel] = {"plain network": ConvNet(), "residual network": NARROW}
STEPS = {"plain network": 2_400, "residual network": 800}
LEAN = FeatureDifference(measure="r2", more="colour", less="shape")

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
    scales={
        "quick": Scale(conditions=tuple(f"residual network, {regime}" for regime in (TOGETHER, SHAPE_FIRST)), seeds=4),
        "full": Scale(seeds=10),
    },
    claims=(
        Claim(
            id="C4",
            statement="Training shape first moves the balance from colour to shape",
            contrast=LEAN,
            compare=LevelDifference(factor="regime", more=TOGETHER, less=SHAPE_FIRST),
            sesoi=0.02,
        ),
        Claim(
            id="control",
            illuminates="C4",
            statement="Training colour first moves the balance towards colour",
            contrast=LEAN,
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
