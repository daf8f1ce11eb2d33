"""Whether labels come in runs, and neighbouring rows are alike: permutations of single stimuli are then invalid.

If activity drifts, or is autocorrelated for any other reason, stimuli that follow one another are alike. Labels that
also come in runs then explain variance without any effect of the feature. Permuted labels have no runs and explain
less, so that p values are too small.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from repbias.audit.inputs import Stimuli
from repbias.audit.intervals import group_sums
from repbias.core.arrays import FloatArray, IntArray
from repbias.features.permutations import Shifts, one_value_each
from repbias.features.values import Values

ERRORS_ABOVE = 4.0  # standard errors above chance: one in 30,000 columns without runs
LEAST_CORRELATION = 0.02
UNITS_AT_ONCE = 256
SINGULAR = 1e-9
COLUMNS_OF_FIT = 0.25  # of the stimuli; residuals of larger fits say nothing


@dataclass(frozen=True, eq=False)
class Runs:
    """Which features come in runs, where neighbouring rows are alike."""

    features: Mapping[str, str]
    """The features, each with how long its runs are, in words; empty where permutations are valid."""

    alike: Mapping[str, float]
    """By layer, the correlation of neighbouring rows, where it is above chance."""

    shifts: Shifts
    """Circular shifts along the rows (of each group), which keep runs."""

    def notes(self) -> Iterator[str]:
        """Yield a warning with what to give to the audit."""
        if not self.features:
            return
        layer, most = max(self.alike.items(), key=lambda one: one[1])
        listed = "; ".join(f"{name!r} {length}" for name, length in self.features.items())
        more = "" if len(self.alike) == 1 else f", and in {len(self.alike) - 1} other layers"
        yield (
            f"Labels come in runs in the order of the rows ({listed}), and neighbouring rows are alike beyond the "
            f"features (correlation {most:.2f} in {layer!r}{more}). Permutations of single rows are then invalid: p "
            "values of these features are too small, as false_positives shows, for which features with the same runs "
            "are planted. Give blocks= (the block of each row, whose labels are exchanged as a whole), order=True "
            "(circular shifts of the labels), groups= if sessions differ, or repeats= if rows are presentations of "
            "the same stimuli."
        )


def find_runs(layers: Mapping[str, FloatArray], stimuli: Stimuli) -> Runs:
    """Return the features whose labels come in runs, if the residuals of neighbouring rows are alike in some layer.

    Neighbours are consecutive rows of one group, and of different stimuli where repeats are given. The correlation of
    neighbours, of labels as of residuals, has to be four standard errors above that of rows in random order, and .02.
    Nothing is found where blocks or the order were given.

    Parameters
    ----------
    layers : activity by layer, `[stimulus, unit]`.
    """
    sequence, shifts = _sequences(stimuli)
    nothing = Runs({}, {}, shifts)
    if stimuli.design.blocked or stimuli.design.shifts is not None:
        return nothing
    first = _neighbours(sequence, stimuli)
    found = {
        name: _length(values, sequence, first)
        for name, values in stimuli.features.items()
        if not (stimuli.design.kind == "group" and one_value_each(values.identity, stimuli.cluster))
        and _alike([values.targets], sequence, first) > 0
    }
    if not found:
        return nothing
    alike = {
        name: correlation
        for name, values in layers.items()
        if (correlation := _alike(residual_parts(values, stimuli.features.values()), sequence, first)) > 0
    }
    return Runs(found, alike, shifts) if alike else nothing


def _sequences(stimuli: Stimuli) -> tuple[IntArray, Shifts]:
    """Return the group of each stimulus, or 0, and shifts along the rows of each."""
    n, repeats = stimuli.n_stimuli, stimuli.repeats
    sequence = np.zeros(n, dtype=np.int64)
    if repeats is not None and repeats.group is not None:
        sequence = repeats.group
    elif stimuli.design.kind == "group":
        sequence = stimuli.cluster
    by_group = np.argsort(sequence, kind="stable")
    sizes = np.bincount(sequence)
    place = np.empty(n, dtype=np.int64)
    place[by_group] = np.arange(n) - (np.cumsum(sizes) - sizes)[sequence[by_group]]
    return sequence, Shifts(sequence, place)


def _neighbours(sequence: IntArray, stimuli: Stimuli) -> IntArray:
    """Return all pairs of consecutive rows `[2, pair]` that belong to one group and are of different stimuli."""
    by_group = np.argsort(sequence, kind="stable")
    pairs = np.stack([by_group[:-1], by_group[1:]])
    kept = sequence[pairs[0]] == sequence[pairs[1]]
    if stimuli.repeats is not None:
        kept &= stimuli.repeats.stimulus[pairs[0]] != stimuli.repeats.stimulus[pairs[1]]
    return np.asarray(pairs[:, kept])


def _alike(parts: Iterable[FloatArray], sequence: IntArray, pairs: IntArray) -> float:
    """Return the correlation of neighbouring rows about the mean of their group; 0 if it is not above chance.

    Parameters
    ----------
    parts : some columns each, `[stimulus, column]`.
    """
    if pairs.shape[1] < 2:
        return 0.0
    sizes = np.bincount(sequence)
    squares, products = np.zeros(len(sequence)), np.zeros(pairs.shape[1])
    for part in parts:
        x = part - (np.asarray(group_sums(sequence) @ part) / sizes[:, None])[sequence]
        squares += np.einsum("su,su->s", x, x)
        products += np.einsum("su,su->s", x[pairs[0]], x[pairs[1]])
    if not squares.any():
        return 0.0
    # In random order, neighbours of a group are negatively correlated, because they are about its mean.
    at_random = -np.bincount(sequence, squares) / sizes / np.maximum(sizes - 1, 1)
    products -= at_random[sequence[pairs[0]]]
    correlation, error = products.mean() / squares.mean(), products.std() / np.sqrt(len(products)) / squares.mean()
    return float(correlation) if correlation > max(ERRORS_ABOVE * error, LEAST_CORRELATION) else 0.0


def residual_parts(activity: FloatArray, features: Iterable[Values]) -> Iterator[FloatArray]:
    """Yield what a regression on features leaves of the activity, some units at a time, `[stimulus, unit]`.

    Features with too many columns for the stimuli are left out.
    """
    most = COLUMNS_OF_FIT * len(activity)
    codes = [values.code for values in features if values.n_columns <= most]
    if sum(code.shape[1] for code in codes) > most:
        codes = []
    basis, spread, _ = np.linalg.svd(np.hstack([np.ones((len(activity), 1)), *codes]), full_matrices=False)
    basis = basis[:, spread > SINGULAR * spread[0]]
    for start in range(0, activity.shape[1], UNITS_AT_ONCE):
        part = activity[:, start : start + UNITS_AT_ONCE]
        yield part - basis @ (basis.T @ part)


def _length(values: Values, sequence: IntArray, pairs: IntArray) -> str:
    """Return how long the runs of a feature are, in words."""
    if not values.categorical:
        return f"with a correlation of {_alike([values.targets], sequence, pairs):.2f} between neighbours"
    changes = int((values.numbers[pairs[0]] != values.numbers[pairs[1]]).sum())
    return f"in runs of {len(sequence) / (changes + sequence.max() + 1):.1f} rows on average"
