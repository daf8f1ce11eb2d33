"""Relation: of colour, shape and the sameness of two shapes, does the simpler get more of the pooling layer?

Images show two objects of one colour, a larger and a smaller one. A single pixel reveals the colour and one object the
shape, but whether the two shapes are the same requires both objects. This relation is the hard feature of the study.
"""

from repbias.experiments import Study, favours, quick_and_full
from repbias.models import AnyModel, ConvNet
from repbias.studies.images import NARROW, NOTE, image_condition
from repbias.tasks.images.spec import ImageFeature

FEATURES = {
    "colour": ImageFeature(factor="colour", classes=("red", "green")),
    "shape": ImageFeature(factor="shape", classes=("plus", "circle")),
    "relation": ImageFeature(factor="relation"),
}
NETWORKS: dict[str, tuple[AnyModel, int]] = {
    "plain network": (ConvNet(norm="batch"), 2_000),
    "residual network": (NARROW, 1_300),
}


STUDY = Study(
    name="vision_relation",
    title="Relation",
    question="Of colour, shape and the relation of two shapes, does the simpler get more of the pooling layer?",
    domain="images",
    conditions=tuple(
        image_condition(network, {"network": network}, FEATURES, model=model, steps=steps)
        for network, (model, steps) in NETWORKS.items()
    ),
    scales=quick_and_full(seeds=(4, 10)),
    claims=(
        favours("C1", "Colour explains more of the pooling layer than shape", pair=("colour", "shape"), sesoi=0.05),
        *(
            favours(
                "C1",
                f"{simple.capitalize()} explains more of it than whether two shapes are the same",
                pair=(simple, "relation"),
                sesoi=0.05,
            )
            for simple in ("shape", "colour")
        ),
    ),
    notes=(
        NOTE,
        "All features have two classes. The shape is that of the larger object, and the smaller one has the same "
        "shape or the other. Neither object alone shows whether they are the same.",
    ),
)
