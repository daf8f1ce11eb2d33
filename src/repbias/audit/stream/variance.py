"""How much variance features explain, from the sums of a stream; its spread, from the stimuli that were kept.

The estimates are those of `estimates`, over all stimuli. As stimuli are independent, an interval is as wide as over the
m stimuli that were kept times sqrt(m / n).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from repbias.audit.estimates import Contributions, Encodings, Loads
from repbias.audit.intervals import Interval, Resamples, ratio_interval, up_to_one
from repbias.audit.plan import Row, row
from repbias.audit.stream.moments import Variation
from repbias.audit.stream.plan import StreamPlan
from repbias.audit.stream.sums import LayerSums
from repbias.measures.variance.regression import Regression


@dataclass(frozen=True, eq=False)
class Explained:
    """What features explain: the sums over all stimuli, and what each stimulus that was kept adds to them."""

    cross: float
    gain: float
    total: float
    squares: float
    kept: Contributions
    n: int
    """Number of all stimuli."""

    @property
    def r2_unbiased(self) -> float:
        return self.cross / self.total if self.total > 0 else 0.0

    def held_out(self) -> Explained:
        """Return what adds up to `r2`, in the place of what adds up to `r2_unbiased`."""
        return Explained(self.gain, self.gain, self.squares, self.squares, self.kept.held_out(), self.n)

    def __sub__(self, other: Explained) -> Explained:
        cross, gain = self.cross - other.cross, self.gain - other.gain
        return Explained(cross, gain, self.total, self.squares, self.kept - other.kept, self.n)

    def row(self, feature: str, measure: str, draws: Resamples, p: float = float("nan")) -> Row:
        """Return a row of results with `r2_unbiased` and its interval."""
        return row(feature, measure, self.r2_unbiased, self.interval(draws), p)

    def interval(self, draws: Resamples) -> Interval:
        """Return the 95 % interval of `r2_unbiased`."""
        narrower = float(np.sqrt(len(self.kept.total) / self.n))
        found, kept = self.r2_unbiased, self.kept.r2_unbiased
        low, high = (found + (end - kept) * narrower for end in ratio_interval(self.kept, draws))
        return up_to_one((low, high), found)


@dataclass(frozen=True, eq=False)
class StreamEncodings:
    """What any of the features explain together, in one layer and one metric of it."""

    kept: Encodings
    total: float
    squares: float
    """NaN of the kernel, of which `r2_unbiased` alone is reported."""
    n: int

    def explained(self, features: Sequence[str]) -> Explained:
        """Return what one regression on these features explains."""
        cross, gain = self.kept.designs.explained(self.kept.columns(features))
        return Explained(cross, gain, self.total, self.squares, self.kept.explained(features), self.n)


def stream_encodings(
    sums: LayerSums, found: Regression, varied: Variation, plan: StreamPlan, *, kernel: bool = False
) -> StreamEncodings:
    """Return the encodings of a layer, or of its linear kernel, in which axes count by their variance."""
    metric = varied.scatter / (varied.total or 1.0) if kernel else None
    single = None if metric is None else metric.astype(np.float32)
    designs, loads = found.designs(metric), []
    for fold, rows in enumerate(plan.representative_by_fold):
        x = sums.sample[plan.sample.representative[rows]]
        z = x - found.mean[fold].astype(np.float32)
        measured = z if single is None else z @ single
        code = np.zeros((len(rows), plan.code.n_columns))
        np.put_along_axis(code, plan.columns[plan.representative[rows]], 1.0, axis=1)
        activity = (z @ designs.measured[fold].T.astype(np.float32)).astype(float)
        totals = (np.einsum("su,su->s", one, measured) for one in (x - varied.mean.astype(np.float32), z))
        loads.append(Loads(rows, code - found.code_mean[fold], activity, *(one.astype(float) for one in totals)))
    columns = np.arange(plan.code.n_columns)
    kept = Encodings(designs, loads, {feature: columns[of] for feature, of in plan.columns_of.items()})
    if metric is None:
        return StreamEncodings(kept, float(found.unbiased_total().sum()), float(found.total().sum()), plan.n_stimuli)
    moved = found.mean - varied.mean
    total = float(np.vdot(metric, varied.scatter) + found.fit.n @ ((moved @ metric) * moved).sum(1))
    return StreamEncodings(kept, total, float("nan"), plan.n_stimuli)
