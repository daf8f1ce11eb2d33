"""Sparse probes: how well a feature can be read out of only k units, chosen on the stimuli of the fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from repbias.core.arrays import ArrayLike, FloatArray, IntArray, about_mean
from repbias.core.results import measures_table
from repbias.core.specs import refuse_unknown
from repbias.figures.drawings import Curves
from repbias.measures.decoding.linear_classifiers import REGULARIZATION, Classifier, held_out
from repbias.measures.decoding.probes import accuracies
from repbias.measures.result import MeasureResult

SELECTIONS = ("class_means", "forward")
ROUNDING = 1e-10  # of a unit's variance: what is left of it after others have been taken out is rounding error


@dataclass(frozen=True, eq=False, repr=False)
class SparseProbe(MeasureResult):
    """How well k units read each feature out, on stimuli that neither chose the units nor fitted the classifier.

    `plot` draws the accuracy over the number of units, for each feature; dotted lines show chance.
    """

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    k: tuple[int, ...]
    """Numbers of units, `[k]`."""

    accuracy: FloatArray
    """Share of the test stimuli that are classified correctly, `[k, feature]`."""

    balanced_accuracy: FloatArray
    """Mean over the test stimuli's classes of the share of each that is classified correctly, `[k, feature]`."""

    chance: FloatArray
    """Accuracy of always predicting the fit stimuli's most frequent class, `[feature]`."""

    units: IntArray
    """The units, in the order chosen, `[feature, rank]`; a probe of k units has the first k of them."""

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, k, measure and value.

        Measures: `accuracy`, `balanced_accuracy`, `chance` (the same at every k).
        """
        tables = []
        for k, accuracy, balanced in zip(self.k, self.accuracy, self.balanced_accuracy, strict=True):
            measures = {"accuracy": accuracy, "balanced_accuracy": balanced, "chance": self.chance}
            tables.append(measures_table(self.names, measures).assign(k=k))
        return pd.concat(tables, ignore_index=True)[["feature", "k", "measure", "value"]]

    def _drawing(self) -> Curves:
        labels = "units that the probe reads", "test accuracy"
        return Curves(self.names, self.k, self.accuracy.T, labels, levels=self.chance, points=True)

    def _title(self) -> str:
        return "Linear probes on few units"


def sparse_probe(
    representation: ArrayLike,
    labels: ArrayLike,
    *,
    test_representation: ArrayLike,
    test_labels: ArrayLike,
    k: Sequence[int] = (1, 2, 4, 8),
    selection: str = "class_means",
    names: Sequence[str] | None = None,
    classifier: str = "logistic",
    regularization: float = REGULARIZATION,
    scaling: str = "none",
) -> SparseProbe:
    """Measure how well each feature can be read out of k units, for each k.

    The units are chosen on the fit stimuli only, in an order that does not depend on the units' scale:

        class_means    by the share of the unit's variance that lies between class means (eta squared), each unit by
                       itself; units that carry the same information may all be chosen
        forward        the one that, in a least-squares regression of the one-hot labels on the units chosen so far and
                       on this one, leaves the least error, again and again

    Parameters
    ----------
    representation, labels, test_representation, test_labels, names : as in `probe`.
    classifier, regularization, scaling : as in `Classifier`.
    k : numbers of units, each 1 or more and at most the number of units.
    selection : "class_means" or "forward".

    Returns
    -------
    A `SparseProbe`. Constant units are chosen last.

    Raises
    ------
    ValueError, TypeError : as `probe`; ValueError for an unknown selection, and a k that is not a number of units.

    When not to use it: to compare layers after a rotation; like density, it depends on the axes. With few stimuli and
    many units, the chosen unit may be best by chance alone. Its accuracy on the test stimuli shows this; accuracy on
    the fit stimuli would not.

    Source: Gurnee et al. (2023), arXiv 2305.01610.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> test = {"test_representation": x[200:], "test_labels": labels[200:]}
    >>> found = repbias.sparse_probe(x[:200], labels[:200], **test, k=(1, 2))
    >>> found.units[:, 0].tolist()  # the best unit of each feature
    [0, 1]
    >>> found.accuracy.round(1).tolist()
    [[1.0, 0.7], [1.0, 0.7]]
    """
    settings = Classifier(classifier, regularization, scaling)
    refuse_unknown(selection, SELECTIONS, "selection")
    data = held_out(representation, labels, test_representation, test_labels, names)
    sizes = tuple(int(size) for size in k)
    n_units = data.x.shape[1]
    if not sizes or min(sizes) < 1 or max(sizes) > n_units:
        raise ValueError(f"k must be one or more numbers from 1 to the number of units, {n_units}, got {sizes}")
    choose = select_by_class_means if selection == "class_means" else select_forward
    units = np.stack([choose(data.x, y, max(sizes)) for y in data.y.T])
    scores = np.empty((2, len(sizes), len(data.names)))
    for feature, (y, test_y) in enumerate(zip(data.y.T, data.test_y.T, strict=True)):
        for i, size in enumerate(sizes):
            chosen = units[feature, :size]
            fitted = settings.fit(data.x[:, chosen], y)
            scores[:, i, feature] = accuracies(fitted.predict(data.test_x[:, chosen]), test_y)
    return SparseProbe(data.names, sizes, scores[0], scores[1], data.chance, units)


def select_by_class_means(x: FloatArray, y: IntArray, k: int) -> IntArray:
    """Return the k units with the largest eta squared, best first; of equal ones the first.

    Parameters
    ----------
    x : float64 `[stimulus, unit]`.
    y : labels `[stimulus]`.
    """
    centred, _ = about_mean(x)
    total = (centred**2).sum(0)
    between = sum(
        ((y == label).sum() * centred[y == label].mean(0) ** 2 for label in np.unique(y)), np.zeros(len(total))
    )
    eta_squared = np.divide(between, total, out=np.full(len(total), -1.0), where=total > 0)
    return np.argsort(-eta_squared, kind="stable")[:k]


def select_forward(x: FloatArray, y: IntArray, k: int) -> IntArray:
    """Return k units chosen by forward selection in least squares, in the order chosen.

    Parameters
    ----------
    x : float64 `[stimulus, unit]`.
    y : labels `[stimulus]`.
    """
    left, _ = about_mean(x)
    code = (y[:, None] == np.unique(y)).astype(np.float64)
    code -= code.mean(0)
    least = ROUNDING * (left**2).sum(0)
    chosen: list[int] = []
    for _ in range(k):
        variance = (left**2).sum(0)
        gain = ((left.T @ code) ** 2).sum(1)
        gain = np.divide(gain, variance, out=np.zeros(len(gain)), where=variance > least)
        gain[least == 0] = -1
        gain[chosen] = -2
        best = int(gain.argmax())
        chosen.append(best)
        if variance[best] > least[best]:
            direction = left[:, best] / np.sqrt(variance[best])
            left = left - np.outer(direction, direction @ left)
            code = code - np.outer(direction, direction @ code)
    return np.array(chosen)
