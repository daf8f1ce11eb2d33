"""The sums of a stream, as if each unit had been divided by its standard deviation before they were made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from repbias.audit.stream.plan import StreamPlan
from repbias.audit.stream.sums import LayerSums
from repbias.core.arrays import FloatArray

LEAST_SHARE = 1e-10  # of the largest variance of a unit; what float32 products hold of smaller ones is rounding


def unit_variances(sums: LayerSums, plan: StreamPlan) -> FloatArray:
    """Return the variance of each unit over the stimuli, `[unit]`, in the scale of the sums."""
    mean = sums.totals.sum(0) / plan.n_stimuli
    return np.asarray(np.einsum("fuu->u", sums.gram) / plan.n_stimuli - mean**2)


def standardised(sums: LayerSums, plan: StreamPlan) -> LayerSums:
    """Return the sums of activity in which each unit that varies has a variance of 1.

    A unit whose variance is below the rounding error of the others is 0.

    `cubes` and `fourths` weigh units by powers that cannot be changed afterwards. They are estimated from the sample;
    only the shrinkage of the discriminant rests on them.
    """
    variances = unit_variances(sums, plan)
    described = sums.varies & (variances > LEAST_SHARE * variances.max(initial=0))
    size = np.where(described, np.sqrt(np.maximum(variances, 0)), np.inf)
    sample = (sums.sample / size).astype(np.float32)
    cubes, fourths = np.zeros_like(sums.cubes), np.zeros_like(sums.fourths)
    for fold, rows in enumerate(plan.representative_by_fold):
        z = sample[plan.sample.representative[rows]].astype(float)
        squares, times = (z**2).sum(1), plan.sizes[fold] / max(len(rows), 1)
        cubes[fold], fourths[fold] = times * (squares @ z), times * float(squares @ squares)
    return replace(
        sums,
        part_sums=sums.part_sums / size,
        part_totals=sums.part_totals / size,
        gram=sums.gram / size / size[:, None],
        cubes=cubes,
        fourths=fourths,
        sample=sample,
    )
