"""What the studies of strings have in common: a two-layer encoder-decoder, and how it is trained.

Sizes, optimiser and stop rule are our choice (the paper's are not known). Read is the encoder's last layer, mean over
the string's tokens: what all outputs have in common.
"""

from __future__ import annotations

from collections.abc import Mapping

from repbias.experiments.network_spec import AnyModel
from repbias.experiments.study import Condition
from repbias.models import EncoderDecoder
from repbias.tasks import StringTask
from repbias.tasks.strings.features import AnyStringFeature
from repbias.training import Adam, Phase, Training
from repbias.training.optimizers import AnyOptimizer

LIMIT, EXTRA = 4_000, 400  # steps of a phase, and steps beyond the gate
CHECKPOINTS = 3  # a decade: greedy decoding of all held-out strings costs as much as many steps
Features = Mapping[str, str | AnyStringFeature]
NOTE = (
    "Strings have 16 tokens, of which each feature has its own. The encoder-decoder has two layers of width 64; it is "
    f"trained by Adam with 0.001 in batches of 64 until {EXTRA} steps after every feature passed 99 %, or {LIMIT:,} "
    "steps. Accuracy is that of greedy decoding; orders of reporting are balanced over seeds unless a study sets them."
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
    steps: int = 800,
) -> Condition:
    """Return a condition on strings.

    Parameters
    ----------
    order : of reporting, see `StringTask`.
    first : a feature that is trained alone before all are. only : the one feature that is trained at all.
    optimizer : Adam with 0.001 where it is None. steps : expected.
    """
    final = Phase(features=None if only is None else (only,), steps=LIMIT, extra=EXTRA)
    phases = (final,) if first is None else (Phase(features=(first,), steps=LIMIT, extra=0), final)
    return Condition(
        name=name,
        factors=factors,
        task=StringTask(features=dict(features), order=order, length=16, validation=512, test=1_024),
        model=model or EncoderDecoder(),
        training=Training(
            optimizer=optimizer or Adam(lr=1e-3), batch=64, phases=phases, checkpoints_per_decade=CHECKPOINTS
        ),
        steps=steps,
    )
