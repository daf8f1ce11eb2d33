"""What the studies of images have in common: small Trifeature images, narrow networks, and how they are trained.

Sizes, optimisers and stop rule are our choice (the paper's are not known). Read is the spatial pooling layer, and
before it the mean over space of every stage's feature map.
"""

from __future__ import annotations

from collections.abc import Mapping

from repbias.experiments.network_spec import AnyModel
from repbias.experiments.study import Condition
from repbias.models import ResNet
from repbias.tasks import ImageTask
from repbias.tasks.images.spec import ImageFeature
from repbias.training import Adam, Phase, Training
from repbias.training.optimizers import AnyOptimizer

LIMIT, EXTRA = 4_000, 200  # steps of a phase, and steps beyond the gate, over which the learning rate falls to 0
GATE = 0.97
NARROW = ResNet(widths=(8, 16, 32, 64), blocks=(1, 1, 1, 1))
COLOUR_AND_SHAPE: Mapping[str, str | ImageFeature] = {"colour": "colour", "shape": "shape"}
SOLID = {"texture": "solid"}
NOTE = (
    "Where the notes below say nothing else: images have 32 px and show one object on grey, with solid textures. "
    f"Networks are trained in batches of 64 until every feature passes {100 * GATE:.0f} % on validation images, for at "
    f"most {LIMIT:,} steps, and then {EXTRA} steps in which the learning rate falls to 0. That fall was added after a "
    "first full run, in which many a network that had passed stood below 95 % when training ended; it was chosen for "
    "accuracy alone. The narrow ResNet has one basic block a stage, of 8, 16, 32 and 64 channels, with batch norm; the "
    "optimiser is Adam with 0.001. R2 is of one-hot codes."
)


def image_condition(
    name: str,
    factors: dict[str, str],
    features: Mapping[str, str | ImageFeature] = COLOUR_AND_SHAPE,
    *,
    size: int = 32,
    fixed: dict[str, str] | None = None,
    measured: tuple[str, ...] = (),
    held_out: int | None = None,
    first: str | None = None,
    only: str | None = None,
    model: AnyModel = NARROW,
    optimizer: AnyOptimizer | None = None,
    limit: int = LIMIT,
    validation: int = 512,
    steps: int = 800,
) -> Condition:
    """Return a condition on images.

    Parameters
    ----------
    size, fixed, measured, held_out : see `ImageTask`; textures are solid where `fixed` is None.
    first : a feature that is trained alone before all are. only : the one feature that is trained at all.
    optimizer : Adam with 0.001 where it is None. limit : most steps of a phase.
    validation : images on which measures are fitted. steps : expected.
    """
    final = Phase(features=None if only is None else (only,), steps=limit, extra=EXTRA, cooldown="linear")
    phases = (final,) if first is None else (Phase(features=(first,), steps=limit, extra=0), final)
    return Condition(
        name=name,
        factors=factors,
        task=ImageTask(
            features=dict(features),
            size=size,
            fixed=SOLID if fixed is None else fixed,
            measured=measured,
            held_out=held_out,
            validation=validation,
            test=1_024,
        ),
        model=model,
        training=Training(
            optimizer=optimizer or Adam(lr=1e-3),
            batch=64,
            phases=phases,
            mastery_accuracy=GATE,
            check_every=100,
            checkpoints_per_decade=2,
        ),
        steps=steps,
    )
