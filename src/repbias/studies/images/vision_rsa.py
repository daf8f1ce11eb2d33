"""RSA on images: does a network that reports colour and shape look like one that reports colour alone?

This is the counterpart of `rsa`. Networks of one architecture see the same images, with ten colours (the easy feature)
and ten shapes (the hard one). Some report both features, some only one, and some are untrained.
"""

from repbias.experiments import Study, quick_and_full
from repbias.models import ConvNet
from repbias.studies.bits.rsa import STUDY as RSA
from repbias.studies.images import NOTE, image_condition

STEPS = {"both": 2_200, "easy": 400, "hard": 2_200}

STUDY = Study(
    name="vision_rsa",
    title="Similarity of networks on images",
    question="Does the similarity of two networks that see images show what they have in common?",
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
    scales=quick_and_full(seeds=(4, 10)),
    analysis=RSA.analysis,
    claims=RSA.claims,
    notes=(
        NOTE,
        "The networks are plain: four convolutions with 16, 32, 64 and 64 channels, no norm. The comparison reads "
        "the pooling layer. Its stimuli, statistics and smallest effects of interest are those of `rsa`.",
    ),
)
