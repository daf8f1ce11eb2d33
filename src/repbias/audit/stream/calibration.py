"""How often a feature of zero strength is found by the test of a stream: tried on some of its own stimuli."""

from __future__ import annotations

import numpy as np
from scipy import stats

from repbias.audit.coordinates import coordinates
from repbias.audit.estimates import folded
from repbias.audit.intervals import CONFIDENCE, Interval
from repbias.audit.nulls import batches, class_sums, permuted
from repbias.audit.stream.nulls import null_r2
from repbias.audit.stream.plan import StreamPlan
from repbias.audit.stream.sums import LayerSums
from repbias.core.randomness import rng
from repbias.features.folds import one_hot

MOST_STIMULI = 1_000


def false_positives(sums: LayerSums, plan: StreamPlan, n_planted: int) -> dict[str, tuple[float, Interval]]:
    """Return, by feature, the share of labels in random order whose R2 is found, and its exact 95 % interval.

    The test is that of `null_r2`, of up to 1,000 stimuli: that class sums are Gaussian holds less well for these than
    for all. Labels change places within folds.
    """
    generator = rng(plan.seed, "audit", "stream calibration")
    n = len(plan.representative)
    chosen = np.sort(generator.choice(n, min(n, MOST_STIMULI), replace=False))
    rows, stimuli = plan.sample.representative[chosen], plan.representative[chosen]
    fold_of = np.unique(plan.fold_of[stimuli], return_inverse=True)[1]
    of_layer = coordinates(sums.sample[rows].astype(float))
    activity = folded(of_layer.scores, fold_of)
    rates: dict[str, tuple[float, Interval]] = {}
    for feature, labels in plan.labels.items():
        numbers, n_classes = labels.numbers[stimuli], len(labels.classes)
        code = one_hot(numbers, n_classes)
        counts = np.stack([code[fold_of == fold].sum(0) for fold in range(activity.n_folds)])
        critical = null_r2(counts, of_layer.shares).critical_value()
        labellings = permuted(numbers, np.arange(len(chosen)), fold_of, n_planted, generator)
        explained = [
            class_sums(activity, some, n_classes).explained() for some in batches(activity, labellings, n_classes)
        ]
        found = int((np.concatenate(explained) > critical * activity.total).sum()) if activity.total else 0
        exact = stats.binomtest(found, n_planted).proportion_ci(CONFIDENCE)
        rates[feature] = found / n_planted, (float(exact.low), float(exact.high))
    return rates
