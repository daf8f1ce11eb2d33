"""What the studies of strings share: a two-layer encoder-decoder and how it is trained.

Sizes, optimiser and stopping rule are our choice (the paper's are not known to us). The studies read the mean over the
string's tokens after the encoder's last layer, which all outputs have in common.
"""

from __future__ import annotations

from collections.abc import Mapping

from repbias.experiments import Condition
from repbias.models import AnyModel, EncoderDecoder
from repbias.tasks import StringTask
from repbias.tasks.strings.features import AnyStringFeature
from repbias.training import Adam, Phase, Training
from repbias.training.optimizers import AnyOptimizer

LIMIT, EXTRA = 4_000, 400  # most steps of a phase, and steps after mastery
CHECKPOINTS = 3  # per decade of steps; greedy decoding of all held-out strings costs as much as many training steps
TO_MASTERY = Phase(steps=LIMIT, extra=EXTRA)
Features = Mapping[str, str | AnyStringFeature]
NOTE = (
    "Strings have 16 tokens, and each feature has its own tokens. The encoder-decoder has two layers of width 64. "
    "Adam trains it with a learning rate of 0.001 and batches of 64, until "
    f"{EXTRA} steps after it has mastered every feature (99 %), or for {LIMIT:,} steps. Accuracy is that of greedy "
    "decoding. The order in which features are reported is balanced over seeds unless a study fixes it."
)


def string_condition(
    name: str,
    factors: dict[str, str],
    features: Features,
    *,
    order: str | tuple[str, ...] = "rotated",
    first: str | None = None,
    only: str | None = None,
    optimizer: AnyOptimizer | None = None,
    model: AnyModel | None = None,
    phase: Phase = TO_MASTERY,
    layers: tuple[str, ...] | None = None,
    steps: int = 800,
) -> Condition:
    """Return a condition in which a model reads a string and reports its features.

    Parameters
    ----------
    order : the order in which features are reported, see `StringTask`.
    first : a feature that is trained alone until it is mastered, before all features are trained.
    only : the only feature that is trained.
    optimizer : None means Adam with a learning rate of 0.001.
    phase : how all features are trained.
    layers : see `Condition`.
    steps : about how many steps a network takes, for estimates of cost.
    """
    final = phase if only is None else phase.model_copy(update={"features": (only,)})
    phases = (final,) if first is None else (Phase(features=(first,), steps=LIMIT, extra=0), final)
    return Condition(
        name=name,
        factors=factors,
        task=StringTask(features=dict(features), order=order, length=16, validation=512, test=1_024),
        model=model or EncoderDecoder(),
        training=Training(
            optimizer=optimizer or Adam(lr=1e-3), batch=64, phases=phases, checkpoints_per_decade=CHECKPOINTS
        ),
        layers=layers,
        steps=steps,
    )
