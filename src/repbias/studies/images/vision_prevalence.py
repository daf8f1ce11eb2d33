"""Prevalence of images: does a feature that is labelled less often in training lose some of the pooling layer?

This is the counterpart of `prevalence`, in which either colour or shape is the rare feature. A feature is labelled in
all training images, in a third of them, or in a tenth; validation and test images are always labelled.
"""

from repbias.experiments import Condition, Study, quick_and_full
from repbias.studies.bits.prevalence import falls_behind
from repbias.studies.images import NOTE, image_condition
from repbias.tasks.images.spec import ImageFeature

LEVELS = {"1": 800, "0.33": 1_200, "0.1": 2_500}
FACTORS = ("colour", "shape")


def _condition(rare: str, labelled: str, steps: int) -> Condition:
    (other,) = (factor for factor in FACTORS if factor != rare)
    return image_condition(
        f"{rare} labelled {labelled}",
        {"rare": rare, "labelled": labelled},
        {"common": ImageFeature(factor=other), "rare": ImageFeature(factor=rare, labelled=float(labelled))},
        steps=steps,
    )


STUDY = Study(
    name="vision_prevalence",
    title="Prevalence of images",
    question="Does a feature of an image that is labelled less often lose some of the pooling layer?",
    domain="images",
    conditions=tuple(_condition(rare, labelled, steps) for rare in FACTORS for labelled, steps in LEVELS.items()),
    scales=quick_and_full(("colour labelled 1", "colour labelled 0.33"), seeds=(4, 10)),
    claims=(
        falls_behind(
            "The more rarely a feature is labelled, the further it falls behind the other", 0.01, factor="labelled"
        ),
    ),
    notes=(
        NOTE,
        "A rare feature is also learned later. This study does not separate prevalence from learning order.",
    ),
)
