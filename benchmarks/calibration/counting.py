"""What the audit says of one data set, and whether that is true."""

from __future__ import annotations

import numpy as np
from benchmarks.calibration.designs import Design
from benchmarks.calibration.populations import Dataset, Truths
from benchmarks.calibration.table import COVERED, FALSE_POSITIVE, REFUSED, WARNED, Outcome

import repbias
from repbias.audit.decoding import REGULARIZATION, RidgeDecoder
from repbias.core.arrays import BoolArray
from repbias.features.folds import assign_folds
from repbias.measures.decoding.linear_classifiers import Classifier

LEVEL = 0.05
NEW_SETS, FITS = 20, 60


def generator(design: Design, number: int) -> np.random.Generator:
    """Return the random generator of a data set of a design."""
    return np.random.default_rng([number, *design.name.encode()])


def outcomes(design: Design, truths: Truths, number: int) -> list[Outcome]:
    """Audit one data set, and return what came of it.

    Where the audit refuses the data set, that is all. Where a measure has no interval, there is no outcome for it.
    """
    data = design.population.simulate(generator(design, number))
    try:
        report = repbias.audit_arrays(
            {"layer": data.activity}, data.features, **data.options,
            seed=number, resamples=200, permutations=100, progress=False,
        )  # fmt: skip
    except ValueError:
        return [(REFUSED, "", "", True)]
    results = report.results.set_index(["feature", "measure"])
    found: list[Outcome] = [(REFUSED, "", "", False)]
    if design.note:
        found.append((WARNED, "", "", any(design.note in note for note in report.notes)))
    for measure in ("r2_unbiased", "decodability"):
        p = float(results.loc[("null", measure), "p"])
        found.append((FALSE_POSITIVE, "null", measure, p <= LEVEL))
    for (feature, measure), truth in truths.items():
        low, high = results.loc[(feature, measure), ["ci_low", "ci_high"]]
        if np.isfinite(low):
            found.append((COVERED, feature, measure, bool(low - 1e-9 <= truth <= high + 1e-9)))
    return found


def all_truths(design: Design) -> Truths:
    """Return the truths of a design, with the expected decodability of the planted feature."""
    return design.population.truths | {("planted", "decodability"): expected_decodability(design)}


def expected_decodability(design: Design, fits: int = FITS) -> float:
    """Return the mean score, on new stimuli, of decoders that are fitted on four fifths of a data set."""
    return float(np.mean([_score(design, generator(design, 10**6 + fit)) for fit in range(fits)]))


def _score(design: Design, rng: np.random.Generator) -> float:
    own, *others = (design.population.simulate(rng) for _ in range(1 + NEW_SETS))
    kept = _fitted(own)
    x = np.concatenate([own.activity[kept], *(one.activity for one in others)])
    spread = own.activity.std(0)
    feature = own.features["planted"]
    for one in others:
        feature = feature.joined(one.features["planted"])
    values = feature.values(np.r_[kept, np.ones(len(x) - kept.sum(), bool)])
    is_new = np.arange(len(x)) >= kept.sum()
    x = (x - x[~is_new].mean(0)) / spread
    if not values.categorical:
        gain, total = RidgeDecoder(x, 1 - is_new.astype(np.int64)).scored(values.targets)
        return float(gain[is_new].sum() / total[is_new].sum())
    fitted = Classifier("logistic", REGULARIZATION, "overall").fit(x[~is_new], values.numbers[~is_new])
    right = fitted.predict(x[is_new]) == values.numbers[is_new]
    return float(np.mean([right[values.numbers[is_new] == one].mean() for one in range(len(values.classes))]))


def _fitted(data: Dataset) -> BoolArray:
    """Return which stimuli the audit would fit a decoder on that is scored on its first fold, `[stimulus]`."""
    repeats, groups = data.options.get("repeats"), data.options.get("groups")
    strata = np.column_stack([feature.values().numbers for feature in data.features.values()])
    return assign_folds(strata, groups if repeats is None else repeats, seed=0) != 0
