"""Methods on images: do components, steering and classifiers follow colour, and does that depend on the network?

Two colours beside two shapes of the same area. Read, truncated and pushed is the spatial pooling layer. For reliance,
the classifier learns on images in which colour and shape agree and is asked about images in which they conflict: the
cue-conflict test.
"""

from repbias.models import ConvNet
from repbias.studies.contrasts import FeatureDifference, Level
from repbias.studies.images import NARROW, NOTE, image_condition
from repbias.studies.member import AnyModel
from repbias.studies.string_methods import STUDY as STRING_METHODS
from repbias.studies.study import Claim, Scale, Study
from repbias.tasks.image_feature import ImageFeature

COLOURS, SHAPES = ("red", "green"), ("plus", "tee")
PAIR = {
    "easy": ImageFeature(factor="colour", classes=COLOURS),
    "hard": ImageFeature(factor="shape", classes=SHAPES),
}
NETWORKS: dict[str, tuple[AnyModel, int]] = {"plain network": (ConvNet(), 600), "residual network": (NARROW, 400)}

STUDY = Study(
    name="vision_methods",
    title="Methods on images",
    question="Do the usual methods favour colour over shape at the pooling layer?",
    domain="images",
    conditions=tuple(
        image_condition(network, {"network": network}, PAIR, model=model, steps=steps)
        for network, (model, steps) in NETWORKS.items()
    ),
    scales={"quick": Scale(seeds=4), "full": Scale(seeds=10)},
    analysis=STRING_METHODS.analysis,
    claims=(
        Claim(
            id="C1",
            statement="Colour explains more variance of the pooling layer than shape",
            strength="A, B",
            contrast=FeatureDifference(measure="r2", more="easy", less="hard"),
            minimum=0.05,
        ),
        Claim(
            id="C15",
            statement="The leading principal component shows colour more than shape",
            strength="A, B",
            contrast=FeatureDifference(measure="r2_component_1", more="easy", less="hard"),
            minimum=0.1,
        ),
        Claim(
            id="C16",
            statement="A push of one difference vector flips each feature's output",
            strength="A, B",
            contrast=Level(measure="own_flips", of=("easy", "hard")),
            minimum=0.9,
        ),
        Claim(
            id="C16",
            statement="Shape flips with a smaller push than colour, in the layer's own units",
            strength="A, B",
            contrast=FeatureDifference(measure="flip_length", more="easy", less="hard"),
            minimum=0.0,
        ),
        Claim(
            id="C17",
            statement="A logistic regression on the pooling layer sides with colour where the two conflict",
            strength="A, B",
            contrast=FeatureDifference(measure="sides_with_logistic", more="easy", less="hard"),
            minimum=0.2,
        ),
    ),
    notes=(
        NOTE,
        "Colours are red and green. Shapes are plus and tee, which cover the same area: the area of "
        "the coloured spot would tell other shapes.",
        "The plain network has four convolutions of 16, 32, 64 and 64 channels and no norm.",
    ),
)
