"""Methods on images: do components, steering and classifiers follow colour, and does this depend on the network?

Images show two colours and two shapes of the same area. The methods read, truncate and push the spatial pooling layer.
For reliance, the classifier is trained on images in which colour and shape agree and tested on images in which they
conflict: the cue-conflict test.
"""

from repbias.experiments import Study, favours, quick_and_full
from repbias.models import AnyModel, ConvNet
from repbias.studies.images import NARROW, NOTE, image_condition
from repbias.studies.strings.string_methods import METHODS, claims_on_methods
from repbias.tasks.images.spec import ImageFeature

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
    scales=quick_and_full(seeds=(4, 10)),
    analysis=METHODS,
    claims=(
        favours("C1", "Colour explains more variance of the pooling layer than shape", sesoi=0.05),
        *claims_on_methods("the pooling layer", "colour", "shape"),
    ),
    notes=(
        NOTE,
        "Colours are red and green. Shapes are plus and tee, which cover the same area; shapes of different areas "
        "could be distinguished by the size of the coloured region alone.",
        "The plain network has four convolutions with 16, 32, 64 and 64 channels and no norm.",
    ),
)
