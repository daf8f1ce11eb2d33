"""What the studies of bits share: a narrow MLP and how it is trained. All settings are our choice.

The learning rate is that of plain SGD. Training stops 2,000 steps after a network has mastered every feature.
"""

from __future__ import annotations

from collections.abc import Mapping

from repbias.experiments import Condition
from repbias.models import MLP
from repbias.tasks import Agreement, BooleanFeature, BooleanTask, Probe
from repbias.training import SGD, Phase, Training
from repbias.training.optimizers import AnyOptimizer

EASY_AND_HARD = {"easy": "copy", "hard": "parity3"}
FOUR_LAYERS = MLP(widths=(64,) * 4)
LIMIT = 60_000  # most steps of a phase


def bits_condition(
    name: str,
    factors: dict[str, str],
    features: Mapping[str, str | BooleanFeature] = EASY_AND_HARD,
    *,
    agreement: Agreement | None = None,
    probes: Mapping[str, Probe] | None = None,
    model: MLP = FOUR_LAYERS,
    optimizer: AnyOptimizer | None = None,
    limit: int = LIMIT,
    first: str | None = None,
    only: str | None = None,
    steps: int,
) -> Condition:
    """Return a condition in which an MLP sees bits and reports functions of them.

    Parameters
    ----------
    features, agreement, probes : see `BooleanTask`.
    optimizer : None means SGD with a learning rate of 0.05.
    limit : most steps of a phase.
    first : a feature that is trained alone until it is mastered, before all features are trained.
    only : the only feature that is trained.
    steps : about how many steps a network takes, for estimates of cost.
    """
    final = Phase(features=None if only is None else (only,), steps=limit)
    phases = (final,) if first is None else (Phase(features=(first,), steps=limit, extra=0), final)
    return Condition(
        name=name,
        factors=factors,
        task=BooleanTask(features=dict(features), agreement=agreement, probes=None if probes is None else dict(probes)),
        model=model,
        training=Training(optimizer=optimizer or SGD(lr=0.05), phases=phases),
        steps=steps,
    )
