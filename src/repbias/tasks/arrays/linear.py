"""How well a linear classifier of the stimuli themselves decodes each feature."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy.stats import norm
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import balanced_accuracy_score

from repbias.tasks.task import Finding, Split

MOST = 2_000  # stimuli to fit, and stimuli to score
PENALTY = 10.0


def linearly_readable(names: Sequence[str], splits: Mapping[str, Split], alpha: float) -> Iterator[Finding]:
    """Yield how well a ridge classifier of the stimuli decodes each feature: fitted in training, scored in test.

    The value is the balanced accuracy, and the bound is chance plus the normal quantile times its standard error.
    Training and test share no group, so that no group is recognised rather than a class.
    """
    train, test = splits["train"], splits["test"]
    x, scored = (split.inputs[:MOST].reshape(min(MOST, len(split)), -1).astype(np.float64) for split in (train, test))
    centre, scale = x.mean(axis=0), x.std(axis=0)
    scale[scale == 0] = 1
    x, scored = (x - centre) / scale, (scored - centre) / scale
    quantile = norm.isf(alpha / len(names))
    for i, name in enumerate(names):
        labels, truth = train.labels[:MOST, i], test.labels[:MOST, i]
        if len(np.unique(labels)) < 2:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a nearly singular matrix, and of a class that is never reported
            model = RidgeClassifier(alpha=PENALTY * np.sqrt(x.shape[1])).fit(x, labels)
            accuracy = balanced_accuracy_score(truth, model.predict(scored))
        counts = np.bincount(truth)
        counts = counts[counts > 0]
        chance = 1 / len(counts)
        error = np.sqrt(chance * (1 - chance) * (1 / counts).sum()) / len(counts)
        note = f"balanced accuracy of a linear classifier of the stimuli; chance is {chance:.3g}"
        yield Finding.of("linearly readable", name, "test", accuracy, min(1.0, chance + quantile * error), note)
