"""What the studies of images share: small Trifeature images, narrow networks, and how they are trained.

Sizes, optimisers and stopping rule are our choice (the paper's are not known to us). The studies read the spatial
pooling layer and, before it, the mean over space of every stage's feature map.
"""

from __future__ import annotations

from collections.abc import Mapping

from repbias.experiments import Condition
from repbias.models import AnyModel, ResNet
from repbias.tasks import ImageTask
from repbias.tasks.images.spec import ImageFeature
from repbias.training import Adam, Phase, Training
from repbias.training.optimizers import AnyOptimizer

LIMIT, EXTRA = 4_000, 200  # most steps of a phase, and steps after mastery, in which the learning rate falls to 0
MASTERED = 0.97  # validation accuracy
NARROW = ResNet(widths=(8, 16, 32, 64), blocks=(1, 1, 1, 1))
COLOUR_AND_SHAPE: Mapping[str, str | ImageFeature] = {"colour": "colour", "shape": "shape"}
SOLID = {"texture": "solid"}
NOTE = (
    "Unless a note below says otherwise: images have 32 px and show one object with a solid texture on grey. Networks "
    f"are trained in batches of 64 until they have mastered every feature ({100 * MASTERED:.0f} % on validation "
    f"images), for at most {LIMIT:,} steps, and then for {EXTRA} steps in which the learning rate falls to 0. We added "
    "this fall after a first full run, in which many networks had mastered their features but were below 95 % when "
    "training ended; we chose it for accuracy alone. The narrow ResNet has one basic block per stage, with 8, 16, 32 "
    "and 64 channels and batch norm. The optimiser is Adam with a learning rate of 0.001. Features are regressed as "
    "one-hot codes."
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
    """Return a condition in which a network sees images and reports their features.

    Parameters
    ----------
    size, fixed, measured, held_out : see `ImageTask`; `fixed=None` means solid textures.
    first : a feature that is trained alone until it is mastered, before all features are trained.
    only : the only feature that is trained.
    optimizer : None means Adam with a learning rate of 0.001.
    limit : most steps of a phase.
    validation : how many images the measures are fitted on.
    steps : about how many steps a network takes, for estimates of cost.
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
            mastery_accuracy=MASTERED,
            check_every=100,
            checkpoints_per_decade=2,
        ),
        steps=steps,
    )
