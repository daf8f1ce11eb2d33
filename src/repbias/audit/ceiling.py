"""The noise ceiling: the share of a layer's variance that repeats of a stimulus reproduce.

With z and x the activity in two presentations of a stimulus, noise that is independent between them averages out of
z.x, so that its mean is the variance between stimuli, without bias, whatever the number of repeats. A feature that has
one label in all presentations of a stimulus cannot explain more than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from scipy.sparse import csr_array

from repbias.audit.estimates import Contributions
from repbias.audit.intervals import NO_INTERVAL, Resamples, r2_interval
from repbias.audit.plan import Row, row
from repbias.audit.repeats import Repeats, pairs_of
from repbias.core.arrays import FloatArray, IntArray
from repbias.core.results import ALL_FEATURES
from repbias.features.feature import Feature


def ceiling_rows(
    x: FloatArray, alone: Mapping[str, Contributions], features: tuple[Feature, ...], repeats: Repeats, draws: Resamples
) -> Iterator[Row]:
    """Yield the noise ceiling, and the share of it that each feature of the stimuli explains.

    That share is the feature's `r2_unbiased` in the presentations that have repeats, over the ceiling; NaN where the
    ceiling's interval reaches 0, since a ratio to what may be 0 has no bounds.

    Parameters
    ----------
    x : activity `[presentation, unit]`, centred.
    alone : what each feature explains by itself.
    """
    ceiling = reproduced(x, next(iter(alone.values())).total, repeats)
    interval = r2_interval(ceiling, draws)
    yield row(ALL_FEATURES, "noise_ceiling", ceiling.r2_unbiased, interval)
    repeated = repeats.n_others > 0
    for feature in features:
        if not repeats.bound(feature.labels.numbers):
            continue
        if not interval[0] > 0:
            yield row(feature.name, "r2_of_ceiling", float("nan"), NO_INTERVAL)
            continue
        found = alone[feature.name]
        of_ceiling = Contributions(found.cross * repeated, found.gain * repeated, ceiling.cross)
        yield row(feature.name, "r2_of_ceiling", of_ceiling.r2_unbiased, r2_interval(of_ceiling, draws))


def reproduced(x: FloatArray, total: FloatArray, repeats: Repeats) -> Contributions:
    """Return what each presentation adds to the noise ceiling: z.q, q the mean of its repeats; nothing without any.

    q is about the mean of all presentations, z about the mean of all that are not of the same cluster; both within its
    group where stimuli and groups cross. So the errors of the two means cancel, and the ceiling has no bias with few
    stimuli either.

    Parameters
    ----------
    x : activity `[presentation, unit]`, centred.
    total : what each presentation adds to the variance, `[presentation]`.
    """
    centre = repeats.group if repeats.crossed and repeats.group is not None else np.zeros_like(repeats.stimulus)
    n_centre = np.bincount(centre)[centre]
    within = x - _sums(x, centre) / n_centre[:, None]
    own = pairs_of(repeats.cluster, centre)
    deviations = within + _sums(within, own) / (n_centre - np.bincount(own)[own])[:, None]
    others = _sums(within, repeats.stimulus) - (_sums(within, repeats.cell) if repeats.crossed else within)
    repeated = repeats.n_others > 0
    cross = np.einsum("su,su->s", others, deviations) * repeated / np.maximum(repeats.n_others, 1)
    return Contributions(cross, cross, total * repeated)


def _sums(values: FloatArray, block: IntArray) -> FloatArray:
    """Return for each row the sum over the rows of its block, `[presentation, unit]`."""
    gather = csr_array((np.ones(len(block)), (block, np.arange(len(block)))))
    return np.asarray(gather @ values)[block]
