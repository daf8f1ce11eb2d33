"""Prevalence of images: does a feature that is asked for more rarely in training lose some of the pooling layer?

The counterpart of `prevalence`, where the rare one of two is colour or shape. A feature is asked for in all training
images, in a third, or in a tenth; validation and test images always ask.
"""

from repbias.studies.comparisons import Trend
from repbias.studies.contrasts import FeatureDifference
from repbias.studies.images import NOTE, image_condition
from repbias.studies.study import Claim, Condition, Scale, Study
from repbias.tasks.image_feature import ImageFeature

LEVELS = {"1": 800, "0.33": 1_200, "0.1": 2_500}
FACTORS = ("colour", "shape")


def _condition(rare: str, asked: str, steps: int) -> Condition:
    (other,) = (factor for factor in FACTORS if factor != rare)
    return image_condition(
        f"{rare} asked {asked}",
        {"rare": rare, "asked": asked},
        {"common": ImageFeature(factor=other), "rare": ImageFeature(factor=rare, asked=float(asked))},
        steps=steps,
    )


STUDY = Study(
    name="vision_prevalence",
    title="Prevalence of images",
    question="Does a feature of an image that is asked for more rarely lose some of the pooling layer?",
    domain="images",
    conditions=tuple(_condition(rare, asked, steps) for rare in FACTORS for asked, steps in LEVELS.items()),
    scales={
        "quick": Scale(conditions=("colour asked 1", "colour asked 0.33"), seeds=4),
        "full": Scale(seeds=10),
    },
    claims=(
        Claim(
            id="C8",
            statement="The more rarely a feature is asked for, the further it falls behind the other",
            strength="A, B",
            contrast=FeatureDifference(measure="r2", more="common", less="rare"),
            compare=Trend(factor="asked", scale="log2", falling=True),
            minimum=0.01,
        ),
    ),
    notes=(NOTE, "A rare feature is also learned later. Prevalence and learning order are not told apart here."),
)
