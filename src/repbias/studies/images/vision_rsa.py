"""RSA on images: does a network that reports colour and shape look like one that reports colour alone?

The counterpart of `rsa`: networks of one architecture, the same images, and ten colours (the easy feature) beside ten
shapes (the hard one). Some report both, some one of the two, and some are not trained at all.
"""

from repbias.experiments.study import Scale, Study
from repbias.models import ConvNet
from repbias.studies.bits.rsa import STUDY as RSA
from repbias.studies.images.common import NOTE, image_condition

STEPS = {"both": 2_200, "easy": 400, "hard": 2_200}

STUDY = Study(
    name="vision_rsa",
    title="Similarity of networks on images",
    question="Does the similarity of two networks that see images tell what they have in common?",
    domain="images",
    conditions=tuple(
        image_condition(
            reported,
            {"reports": reported},
            {"easy": "colour", "hard": "shape"},
            only=None if reported == "both" else reported,
            model=ConvNet(),
            steps=steps,
        )
        for reported, steps in STEPS.items()
    ),
    scales={"quick": Scale(seeds=4), "full": Scale(seeds=10)},
    analysis=RSA.analysis,
    claims=RSA.claims,
    notes=(
        NOTE,
        "Networks are plain: four convolutions of 16, 32, 64 and 64 channels, no norm. Read is the pooling layer. The "
        "comparison, its stimuli and its statistics are those of `rsa`, as are the smallest effects worth the name.",
    ),
)
