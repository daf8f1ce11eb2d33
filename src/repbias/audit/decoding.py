"""Decoding of features: classifiers of classes, ridge regressions of other kinds, and the null of each."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from scipy import stats
from sklearn.covariance import ledoit_wolf_shrinkage

from repbias.audit.estimates import Coordinates
from repbias.audit.intervals import TAILS, Interval, Resamples, mean_share_interval, ratio_interval
from repbias.audit.nulls import Reordered
from repbias.core.arrays import FloatArray, IntArray
from repbias.features.folds import each_fold
from repbias.features.labels import Labellings
from repbias.features.permutations import Orders
from repbias.features.values import Values
from repbias.measures.decoding.linear_classifiers import Classifier
from repbias.measures.decoding.ridge_decoder import RidgeDecoder
from repbias.measures.variance.predictions import FoldedActivity

FoldMaps = list[FloatArray]
REGULARIZATION = (
    1e-2  # for activity of mean variance 1; the 1e-3 of the studies overfits with many units and few stimuli
)


class Decoders:
    """The decoders of one layer; what they need of its activity is computed once for all features.

    Parameters
    ----------
    activity : along the principal axes.
    layer : the coordinates of the layer. All decoders standardise units, so that the scale of units does not matter.
    """

    def __init__(self, activity: FoldedActivity, layer: Coordinates, classifier: str, draws: Resamples) -> None:
        self._activity, self._classifier, self._draws = activity, classifier, draws
        self._equal = layer.standardising
        self._x = activity.x @ self._equal

    @cached_property
    def _maps(self) -> FoldMaps:
        return [self._equal @ one @ self._equal for one in fold_maps(self._x, self._activity.fold_of)]

    @cached_property
    def _ridge(self) -> RidgeDecoder:
        return RidgeDecoder(self._x, self._activity.fold_of)

    def score(self, values: Values) -> Callable[[Reordered, Orders], FloatArray]:
        """Return the score of the permutation test of a feature, a function of its values in some orders."""
        if not values.categorical:
            return lambda sums, orders: self._ridge.r2(values.targets, orders)
        z, fold_of, maps = self._activity.deviations, self._activity.fold_of, self._maps
        return lambda sums, orders: balanced_accuracy(z, fold_of, maps, sums.weights, values.numbers[orders])

    def decodability(self, values: Values, null: FloatArray) -> tuple[float, Interval]:
        """Return how well a feature is decoded, and the interval; `null` is `score` in permuted orders."""
        if not values.categorical:
            gain, total = self._ridge.scored(values.targets)
            r2 = float(gain.sum() / total.sum())
            wider = shared_fits(self._activity.n_folds)
            return r2, ratio_interval(r2, gain, total, self._draws, narrower=wider)
        right = held_out_right(self._x, values.numbers, self._activity.fold_of, self._classifier)
        accuracy = float(np.mean([right[values.numbers == label].mean() for label in range(len(values.classes))]))
        return accuracy, accuracy_interval(right, values.code, self._draws, null)


def shared_fits(n_folds: int, share: float = 1.0) -> float:
    """Return by how much the standard error of a cross-validated score grows, because the fits of folds share stimuli.

    With n_1 stimuli fitted and n_2 scored in each of K folds, the variance is larger by 1 + K n_2 / n_1.

    Parameters
    ----------
    n_folds : K. share : scored stimuli, as a share of those that are fitted in other folds.

    Source: Nadeau & Bengio (2003), Machine Learning 52, 239-281.
    """
    return float(np.sqrt(1 + share * n_folds / (n_folds - 1)))


def held_out_right(x: FloatArray, labels: IntArray, fold_of: IntArray, classifier: str) -> FloatArray:
    """Return 1.0 where a classifier fitted on the other folds predicts a stimulus's class, else 0.0, `[stimulus]`.

    A class that occurs in one fold only, which is possible with groups, is never predicted there.
    """
    right = np.zeros(len(x))
    for held in each_fold(fold_of):
        if (labels[~held] == labels[~held][0]).all():
            right[held] = labels[held] == labels[~held][0]
            continue
        fitted = Classifier(classifier, REGULARIZATION, "overall").fit(x[~held], labels[~held])
        right[held] = fitted.predict(x[held]) == labels[held]
    return right


def accuracy_interval(right: FloatArray, code: FloatArray, draws: Resamples, null: FloatArray) -> Interval:
    """Return the interval of the expected balanced accuracy of a classifier fitted on as many stimuli.

    It is the interval of `mean_share_interval`, with the number of stimuli divided by the factor by which the variance
    of the accuracy exceeds that of independent answers. The larger of two factors is taken. One is estimated between
    clusters. The other accounts for the stimuli that the fits of several folds share: it is the root of the factor that
    permuted labels show, since their factor holds at chance and shrinks as decoding improves. In simulations the
    interval covers 95 to 99 %, and 91 to 94 % with few groups most of which have no errors.

    Parameters
    ----------
    right : 1 where a stimulus is classified correctly, `[stimulus]`.
    code : the one-hot code, `[stimulus, class]`.
    draws : resamples of the clusters.
    null : balanced accuracy under permuted labels, `[permutation]`.
    """
    n, n_classes = code.sum(0), code.shape[1]
    share = right @ code / n
    moved = draws.by_cluster((code * (right[:, None] - share) / n).sum(1)) / n_classes
    clusters = len(moved)
    independent = float((share * (1 - share) / n).sum()) / n_classes**2
    observed = float((moved**2).sum()) * clusters / (clusters - 1)
    at_chance = float(null.var(ddof=1)) / (float(((1 - 1 / n_classes) / n).sum()) / n_classes**3)
    excess = max(observed / independent if independent > 0 else 1.0, float(np.sqrt(at_chance)), 1.0)
    tail = float(stats.norm.sf(stats.t.ppf(TAILS[1], clusters - 1)))  # Student's t, because there may be few clusters
    return mean_share_interval(share, n / excess, tail)


def fold_maps(x: FloatArray, fold_of: IntArray) -> FoldMaps:
    """Return for each fold the inverse of the Ledoit-Wolf covariance of all others, `[unit, unit]` each.

    It does not depend on the labels, and is the same for all features and permutations.
    """
    maps = []
    for held in each_fold(fold_of):
        fitted = x[~held] - x[~held].mean(0)
        shrinkage = ledoit_wolf_shrinkage(fitted, assume_centered=True)
        covariance = (1 - shrinkage) * (fitted.T @ fitted) / len(fitted)
        scale = float(np.vdot(fitted, fitted)) / fitted.size
        covariance.flat[:: len(covariance) + 1] += max(shrinkage, 1e-9) * (scale or 1.0)
        maps.append(np.linalg.inv(covariance))
    return maps


def balanced_accuracy(
    deviations: FloatArray, fold_of: IntArray, maps: FoldMaps, fitted: FloatArray, labels: Labellings
) -> FloatArray:
    """Return the balanced accuracy of the linear discriminant with equal priors, `[labelling]`.

    With m_c the mean of class c and S the covariance over the stimuli of the fit, both about their mean, the predicted
    class of a stimulus z is that of the largest m_c' S^-1 (z - m_c / 2).

    Parameters
    ----------
    deviations, fold_of, maps : of one representation; see `FoldedActivity` and `fold_maps`.
    fitted : class means of the fit, `[fold, labelling, class, unit]`.
    labels : `[labelling, stimulus]`.

    Source: Friedman (1989), JASA 84, 165-175; the shrinkage is Ledoit & Wolf's (2004).
    """
    n_labellings, n_classes = fitted.shape[1:3]
    right = np.zeros((n_labellings, n_classes))
    for held, means, inverse in zip(each_fold(fold_of), fitted, maps, strict=True):
        weights = means @ inverse
        offset = (weights * means).sum(2) / 2
        scores = deviations[held] @ weights.reshape(-1, weights.shape[2]).T
        chosen = (scores.reshape(-1, n_labellings, n_classes) - offset).argmax(2).T
        hit, here = chosen == labels[:, held], labels[:, held]
        for label in range(n_classes):
            right[:, label] += (hit & (here == label)).sum(1)
    counts = np.stack([(labels == label).sum(1) for label in range(n_classes)], axis=1)
    return np.asarray((right / counts).mean(1))
