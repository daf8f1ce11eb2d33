"""Decodability in a stream: a discriminant that is fitted on all stimuli and scored on the sample."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import linalg, stats

from repbias.audit.decoding import shared_fits
from repbias.audit.findings import Decodability
from repbias.audit.intervals import TAILS, Resamples, mean_share_interval, ratio_interval
from repbias.audit.nulls import LEAST_P
from repbias.audit.stream.plan import StreamPlan
from repbias.audit.stream.sums import LayerSums
from repbias.audit.stream.variance import RESOLVED, StreamRegression, Variation, add_outer
from repbias.core.arrays import FloatArray
from repbias.features.folds import each_fold
from repbias.features.values import Values

ROWS_OF_MAP = 10_000


def readouts(
    sums: LayerSums, found: StreamRegression, varied: Variation, plan: StreamPlan, draws: Resamples
) -> Iterator[tuple[str, Decodability]]:
    """Yield how well each feature is decoded.

    Classes are decoded by the discriminant of `decoding.balanced_accuracy`: it has equal priors and the Ledoit-Wolf
    covariance of all folds but that of the stimulus. The interval is over the stimuli of the sample. As in
    `decoding.accuracy_interval`, it is widened by the root of the factor that holds at chance, because the fits of
    several folds share stimuli; see `exchanged_p` for the factor. Other kinds are decoded by a regression with the same
    covariance, and the score is the R2 over the representative sample.

    Parameters
    ----------
    draws : resamples of the representative sample.
    """
    targets = {name: _readout_map(values) for name, values in plan.features.items() if not values.categorical}
    scores = _scores(sums, found, varied, plan, targets)
    for feature, values in plan.features.items():
        kept = plan.sample.scored[feature]
        stimuli = plan.sample.rows[kept]
        if not values.categorical:
            centre = values.targets.mean(0) + found.code_mean[:, plan.columns_of[feature]] @ targets[feature]
            yield feature, _of_numbers(scores[feature][kept], values.targets, centre, plan, draws)
            continue
        numbers, n_classes = values.numbers[stimuli], len(values.classes)
        chosen = scores[feature][kept].argmax(1)
        named = np.zeros((plan.n_folds, n_classes, n_classes))
        np.add.at(named, (plan.fold_of[stimuli], numbers, chosen), 1)
        n, right = named.sum((0, 2)), np.einsum("fcc->c", named)
        share = float((n / np.bincount(values.numbers)).max())
        interval = mean_share_interval(right / n, n / np.sqrt(1 + share), TAILS[0])
        yield feature, Decodability(float((right / n).mean()), interval, exchanged_p(named, share))


def _readout_map(values: Values) -> FloatArray:
    """Return the map from a feature's columns to what a decoder predicts, `[column, dimension]`; it is exact, because
    splines contain straight lines and harmonics the first one."""
    some = slice(0, ROWS_OF_MAP)
    code, targets = values.code[some], values.targets[some]
    return np.asarray(np.linalg.lstsq(code - code.mean(0), targets - targets.mean(0), rcond=None)[0])


def _of_numbers(
    predicted: FloatArray, targets: FloatArray, centre: FloatArray, plan: StreamPlan, draws: Resamples
) -> Decodability:
    """Return the decodability of a feature that is no class.

    Parameters
    ----------
    predicted : for the representative sample, about the mean of the fit, `[sampled, dimension]`.
    targets : of all stimuli, `[stimulus, dimension]`. centre : their mean over each fit, `[fold, dimension]`.
    """
    stimuli = plan.representative
    fold_of = plan.fold_of[stimuli]
    true = targets[stimuli] - centre[fold_of]
    total = (true**2).sum(1)
    gain = total - ((true - predicted) ** 2).sum(1)
    r2, share = float(gain.sum() / total.sum()), len(stimuli) / plan.n_stimuli
    above = variance = 0.0
    for held in each_fold(fold_of):
        n = int(held.sum())
        p, t = predicted[held] - predicted[held].mean(0), true[held] - true[held].mean(0)
        above += float((p * t).sum())
        variance += float(((p.T @ p) * (t.T @ t)).sum()) / max(n - 1, 1)
    p_value = float(stats.norm.sf(above / np.sqrt(variance * (1 + share)))) if variance > 0 else 1.0
    wider = shared_fits(plan.n_folds, share)
    interval = ratio_interval(r2, gain, total, draws, narrower=wider)
    return Decodability(r2, interval, max(p_value, LEAST_P))


def exchanged_p(named: FloatArray, share: float) -> float:
    """Return the one-sided p value of the balanced accuracy, for labels that are permuted within folds.

    If the predicted classes are held fixed, the accuracy of permuted labels is nearly normal, with a mean and a
    variance in closed form (Hoeffding 1951). Labels that are permuted before the fit also change the predictions. This
    correlates the accuracies of folds, because each fold is scored on stimuli on which the others are fitted. If all
    stimuli are scored, it adds the same variance once more (what the products of class means s_f . s_g and s_g . s_f
    have in common); if a share of them is scored, that share of it. p is 1e-6 or more.

    Parameters
    ----------
    named : number of stimuli by fold, class and predicted class, `[fold, class, class]`.
    share : scored stimuli divided by all stimuli, in the class where this is largest.

    Source: Hoeffding (1951), Annals of Mathematical Statistics 22, 558-566.
    """
    worth = np.eye(named.shape[1]) / named.sum((0, 2))[:, None] / named.shape[1]
    expected, variance = 0.0, 0.0
    for table in named:
        n, of_class, of_named = table.sum(), table.sum(1), table.sum(0)
        if n < 2:
            expected += float((worth * table).sum())
            continue
        by_class, by_named = worth @ of_named / n, of_class @ worth / n
        mean = float(by_class @ of_class) / n
        expected += n * mean
        about = worth - by_class[:, None] - by_named + mean
        variance += float(of_class @ about**2 @ of_named) / (n - 1)
    if variance <= 0:
        return 1.0
    above = float((worth * named).sum()) - expected
    return max(float(stats.norm.sf(above / np.sqrt(variance * (1 + share)))), LEAST_P)


def _scores(
    sums: LayerSums, found: StreamRegression, varied: Variation, plan: StreamPlan, targets: dict[str, FloatArray]
) -> dict[str, FloatArray]:
    """Return for each feature the scores of its classes, or the predictions of its values about the mean of the fit,
    for the stimuli of the sample, `[sampled, ...]`."""
    fold_of, n = plan.fold_of[plan.sample.rows], len(plan.sample.rows)
    widths = {name: targets[name].shape[1] if name in targets else of.stop - of.start
              for name, of in plan.columns_of.items()}  # fmt: skip
    scores = {name: np.empty((n, width)) for name, width in widths.items()}
    for fold in range(plan.n_folds):
        covariance = _covariance(sums, found, varied, plan, fold)
        # The transpose of a symmetric matrix is in the order of LAPACK's arrays, so it is factored in place.
        factor = linalg.cho_factor(covariance.T, overwrite_a=True, check_finite=False)
        held = np.flatnonzero(fold_of == fold)
        deviations = sums.sample[held] - found.mean[fold].astype(np.float32)
        for name, of in plan.columns_of.items():
            if name in targets:
                means = targets[name].T @ found.fitted[fold, of] / found.fit.n[fold]
                offset = np.zeros(len(means))
            else:
                means = found.class_means[fold, of]
            weights = linalg.cho_solve(factor, means.T)
            if name not in targets:
                offset = (weights.T * means).sum(1) / 2
            scores[name][held] = deviations @ weights.astype(np.float32) - offset
    return scores


def _covariance(sums: LayerSums, found: StreamRegression, varied: Variation, plan: StreamPlan, fold: int) -> FloatArray:
    """Return the shrunk covariance of all folds but one, `[unit, unit]`."""
    centre, n = found.mean[fold], float(found.fit.n[fold])
    fit = varied.scatter - sums.gram[fold]
    add_outer(fit, varied.mean, plan.n_stimuli)  # about the common point, as `gram` is
    others = np.arange(plan.n_folds) != fold
    fourths = _fourths_about(centre, n, fit, sums.cubes[others].sum(0), float(sums.fourths[others].sum()))
    add_outer(fit, centre, -n)
    return _shrunk(fit, n, fourths, varied)


def _fourths_about(centre: FloatArray, n: float, gram: FloatArray, cubes: FloatArray, fourths: float) -> float:
    """Return the sum of the fourth powers of lengths about `centre`, the mean, from sums about the common point."""
    length, squares = float(centre @ centre), float(np.trace(gram))
    crossed = float(centre @ gram @ centre - centre @ cubes)
    return fourths + 4 * crossed + 2 * length * squares - 3 * n * length**2


def _shrunk(scatter: FloatArray, n: float, fourths: float, varied: Variation) -> FloatArray:
    """Return a covariance shrunk towards a multiple of the identity by the rule of Ledoit & Wolf (2004), in place.

    Beside the covariance, the rule needs only the sum over stimuli of the fourth power of the length. Axes that float32
    products do not resolve get the least variance that they do resolve.
    """
    n_units = len(scatter)
    scatter /= n
    variance, squares = float(np.trace(scatter)), float(np.vdot(scatter, scatter))
    scale = variance / n_units
    uncertain = (fourths / n - squares) / n
    apart = squares - variance * scale
    shrinkage = min(max(uncertain / apart, 0.0), 1.0) if n_units > 1 and apart > 0 else 0.0
    least = RESOLVED * varied.shares[0] * variance
    scatter *= 1 - shrinkage
    scatter.flat[:: n_units + 1] += max(shrinkage * scale, least) or 1.0
    return scatter
