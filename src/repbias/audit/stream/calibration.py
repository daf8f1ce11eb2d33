"""The empirical false-positive rate of the test of a stream, measured on some of its stimuli."""

from __future__ import annotations

import numpy as np

from repbias.audit.coordinates import coordinates
from repbias.audit.estimates import folded
from repbias.audit.nulls import batches, class_sums, explained
from repbias.audit.power import Share, rate
from repbias.audit.stream.nulls import null_r2
from repbias.audit.stream.plan import StreamPlan
from repbias.audit.stream.sums import LayerSums
from repbias.core.randomness import rng
from repbias.features.folds import one_hot
from repbias.features.permutations import exchange

MOST_STIMULI = 1_000


def false_positives(sums: LayerSums, plan: StreamPlan, n_planted: int) -> dict[str, Share]:
    """Return, by feature, the share of shuffled labels whose R2 is significant, and its exact 95 % interval.

    The test is that of `null_r2`, with up to 1,000 stimuli, for which class sums are less nearly Gaussian than for all.
    Labels are shuffled within folds.
    """
    generator = rng(plan.seed, "audit", "stream calibration")
    n = len(plan.representative)
    chosen = np.sort(generator.choice(n, min(n, MOST_STIMULI), replace=False))
    rows, stimuli = plan.sample.representative[chosen], plan.representative[chosen]
    fold_of = np.unique(plan.fold_of[stimuli], return_inverse=True)[1]
    of_layer = coordinates(sums.sample[rows].astype(float))
    activity = folded(of_layer.scores, fold_of)
    rates: dict[str, Share] = {}
    for feature, labels in plan.labels.items():
        numbers, n_classes = labels.numbers[stimuli], len(labels.classes)
        code = one_hot(numbers, n_classes)
        counts = np.stack([code[fold_of == fold].sum(0) for fold in range(activity.n_folds)])
        critical = null_r2(counts, of_layer.shares).critical_value()
        labellings = exchange(numbers, np.arange(len(chosen)), fold_of).permuted(numbers, n_planted, generator)
        r2 = [explained(class_sums(activity, some, n_classes)) for some in batches(activity, labellings, n_classes)]
        found = int((np.concatenate(r2) > critical * activity.total).sum()) if activity.total else 0
        rates[feature] = rate(found, n_planted)
    return rates
