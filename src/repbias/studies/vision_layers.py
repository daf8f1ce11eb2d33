"""Vision, stage by stage: where do colour and shape gain and lose their shares between the image and the pooling layer?

The networks are those of `vision` that are trained by Adam, and need not be trained again.
"""

from repbias.studies.contrasts import FeatureDifference, LayerSlope
from repbias.studies.images import NOTE
from repbias.studies.study import Claim, Scale, Study
from repbias.studies.vision import STUDY as VISION

ADAM = tuple(
    c
    for c in VISION.conditions
    if (c.factors["optimizer"], c.factors["blocks"], c.factors["texture"]) == ("Adam", "1", "solid")
)

STUDY = Study(
    name="vision_layers",
    title="Vision, stage by stage",
    question="How do the shares of colour and shape build up from stage to stage?",
    domain="images",
    conditions=ADAM,
    scales={"quick": VISION.scales["quick"], "full": Scale(seeds=10)},
    claims=(
        Claim(
            id="first stage",
            statement="The first stage favours colour, whatever the last one favours",
            strength="C",
            contrast=FeatureDifference(measure="r2", more="colour", less="shape", layer="stage.0.mean"),
            minimum=0.05,
        ),
        Claim(
            id="C22",
            statement="The balance moves from colour to shape from the first stage to the pooling layer",
            strength="C",
            contrast=LayerSlope(measure="r2", more="shape", less="colour"),
            minimum=0.01,
        ),
    ),
    notes=(NOTE, "Read is the mean over space of each stage's feature map; of the last stage it is the pooling layer."),
)
