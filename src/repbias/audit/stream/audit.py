"""The audit of activity that does not fit in memory: chunk by chunk, in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from repbias.audit.inputs import Missing, check_inputs, n_labels, refuse_wrong_settings
from repbias.audit.intervals import CONFIDENCE
from repbias.audit.report import AuditReport
from repbias.audit.sentences import calibration, conclusions
from repbias.audit.stream.chunks import Chunk
from repbias.audit.stream.layer import audit_sums
from repbias.audit.stream.plan import StreamPlan, stream_plan
from repbias.audit.stream.sums import LayerSums, read_sums
from repbias.audit.tables import components_table, results_table, units_table
from repbias.core.arrays import ArrayLike

CLASSIFIER = "shrinkage discriminant"
LEAST_SAMPLE = 1_000


def audit_stream(
    chunks: Iterable[Chunk],
    features: Mapping[str, ArrayLike] | pd.DataFrame,
    *,
    seed: int = 0,
    resamples: int = 500,
    permutations: int = 200,
    missing: Missing = "refuse",
    sample: int = 10_000,
) -> AuditReport:
    """Audit activity that comes in chunks and is never held whole, as `audit_arrays` audits arrays.

    Measures have the same names and meanings. Those of variance (`r2`, `r2_unbiased`, `r2_unique`, `r2_common`,
    `density_0.1`, `participation`, `rdm_share`, the R2 of units and components) are of all stimuli, and equal to those
    of `audit_arrays`, but for `participation`, whose jackknife has other blocks. What differs:

        intervals        of R2: as wide as over a random sample of m stimuli, times sqrt(m / n); of density: with
                         standard errors from blocks of that sample, scaled alike
        decodability     of a shrinkage discriminant with equal priors, fitted on all stimuli of the other folds, and
                         scored on the sample, with 20 stimuli of each class at least, where there are as many; p is
                         that of `exchanged_p`
        p of r2, detectable_r2
                         from the distribution of permutations for many stimuli instead of permutations, see
                         `null_r2` and `detectable_r2`
        false_positives  share of shuffled labels for which this test is significant, with 1,000 stimuli of the sample

    There are no groups, no repeats, and no scores of RSA and CKA before and after shares are made equal.

    Apart from labels, memory does not grow with the stimuli. With u units, each layer takes 48 u^2 bytes (folds,
    and their sum; as much as half again while it is analysed), 128 MB for stimuli that wait, and 4 u for each stimulus
    of the sample. A pass takes about n u^2 multiplications; layers are read together.

    Parameters
    ----------
    chunks : read once: arrays `[stimulus, unit]` of one layer, or mappings of layers to such, NumPy or torch,
        float16, float32 or float64; any number of stimuli in each, in the order of the labels.
    features : class labels of all stimuli by name, `[stimulus]` each, as in `audit_arrays`; or a data frame.
    seed : of folds, samples, resamples and planted features.
    resamples : bootstrap resamples, 100 or more.
    permutations : number of planted features, and of shuffled labels, 50 or more.
    missing : "refuse", or "drop" to leave out stimuli without a label, for all features.
    sample : number of stimuli whose activity is kept, 1,000 or more.

    Returns
    -------
    An `AuditReport`.

    Raises
    ------
    ValueError, TypeError : labels that `audit_arrays` refuses, before anything is read; chunks that are not
        `[stimulus, unit]`, not finite, empty, or of other layers or units than those before; more or fewer stimuli than
        labels; values so large beside the first chunk that their squares overflow.

    When not to use it: for activity that fits in memory, where `audit_arrays` permutes; for stimuli that are not
    independent (sessions, subjects, repeats), as there are no groups here: average what belongs together first, or
    audit a part of it with `audit_arrays` and groups; for a hundred stimuli or fewer of a class where activity has
    outliers, as p relies on class sums being Gaussian.

    Source: as `audit_arrays`.
    """
    refuse_wrong_settings(seed, resamples, permutations, "logistic")
    _refuse_small_sample(sample)
    n = n_labels(features)
    # The running numbers of the stimuli take the place of their activity, to find out which of them are kept.
    stimuli = check_inputs({"stimuli": np.arange(n)[:, None]}, features, None, missing)
    kept = stimuli.arrays["stimuli"][:, 0].astype(np.int64)
    plan = stream_plan(stimuli.labels, kept, n, sample, seed)
    layers = read_sums(chunks, plan)
    n_units = {layer: len(sums.varies) for layer, sums in layers.items()}
    notes = (*stimuli.notes, *_unit_notes(layers), *_plan_notes(plan))
    found = {}
    for layer in n_units:
        found[layer] = audit_sums(layers.pop(layer), plan, resamples, permutations)
    results = results_table({layer: one.rows for layer, one in found.items()}, plan.n_stimuli)
    return AuditReport(
        layers=tuple(n_units),
        features=tuple(plan.labels),
        classes={name: labels.classes for name, labels in plan.labels.items()},
        n_stimuli=plan.n_stimuli,
        n_units=n_units,
        results=results,
        units=units_table({layer: one.units for layer, one in found.items()}),
        components=components_table({layer: one.components for layer, one in found.items()}),
        sentences=(*conclusions(results, {layer: one.shared for layer, one in found.items()}), calibration(results)),
        notes=notes,
        settings={
            "seed": seed,
            "resamples": resamples,
            "permutations": permutations,
            "missing": missing,
            "classifier": CLASSIFIER,
            "folds": plan.n_folds,
            "confidence": CONFIDENCE,
            "grouped": False,
            "sample": len(plan.representative),
        },
    )


def _refuse_small_sample(sample: int) -> None:
    if isinstance(sample, bool) or not isinstance(sample, (int, np.integer)):
        raise TypeError(f"sample must be a whole number, got {sample!r}")
    if sample < LEAST_SAMPLE:
        raise ValueError(f"sample must be {LEAST_SAMPLE:,} or more, got {sample}: fewer are too few for intervals")


def _unit_notes(layers: dict[str, LayerSums]) -> tuple[str, ...]:
    return tuple(
        f"{int((~sums.varies).sum())} of {len(sums.varies)} units of {layer!r} never change ({int(sums.silent.sum())} "
        "are always 0); they are kept, and count as units that no feature explains."
        for layer, sums in layers.items()
        if not sums.varies.all()
    )


def _plan_notes(plan: StreamPlan) -> tuple[str, ...]:
    m = len(plan.representative)
    return (
        f"{plan.n_folds} cross-validation folds; stimuli are taken to be independent, as a stream has no groups.",
        f"Read in one pass. Variance and fits are of all {plan.n_stimuli:,} stimuli; intervals are from {m:,} of them, "
        f"drawn at random, and so is decodability, with more of the classes that have few among these. p values are "
        "of the distribution that permutations have where stimuli are many; that of decodability is a normal "
        "approximation.",
    )
