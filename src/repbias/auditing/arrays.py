"""The audit of arrays: recordings, activations, any numbers `[stimulus, unit]` with labels of the stimuli."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from repbias.auditing.folds import assign_folds, one_hot
from repbias.auditing.inputs import AuditInputs, Missing, check_inputs, refuse_wrong_settings
from repbias.auditing.intervals import CONFIDENCE, Resamples
from repbias.auditing.layer import Feature, LayerFindings, Plan, associated, audit_layer
from repbias.auditing.nulls import between_clusters, permuted
from repbias.auditing.result import RESULT_COLUMNS, AuditReport
from repbias.auditing.sentences import conclusions
from repbias.measures._arrays import ArrayLike
from repbias.randomness import rng
from repbias.statistics import holm

ASSOCIATED = 0.1  # Cramer's V from which on two features are asked what they share
TESTED = ("r2", "decodability")


def audit_arrays(
    arrays: Mapping[str, ArrayLike],
    features: Mapping[str, ArrayLike] | pd.DataFrame,
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
    resamples: int = 500,
    permutations: int = 200,
    missing: Missing = "refuse",
    classifier: str = "logistic",
) -> AuditReport:
    """Ask of each layer how much of its variance every feature explains, how well it is read out, what data can show.

    Every number is cross-validated: folds hold their share of each class of each feature, and keep groups together.
    With z a stimulus's activity about the mean of the other folds, and q what a regression from one-hot codes that was
    fitted on those predicts for it, the measures in `results` are

        r2               sum q.z / sum ||z||^2, q from the feature alone; under (all), from all features together
        r2_unique        what the R2 of all features together loses without the feature
        r2_common        r2 - r2_unique: what other features explain too
        density_0.1      share of the units with an R2 above 0.1
        participation    (sum_u e_u)^2 / sum_u e_u^2, e_u the sum of squares explained in unit u: in units
        decodability     balanced accuracy of a linear classifier
        chance           1 / classes
        detectable_r2    smallest R2 of a planted feature that a test at 5 % finds with 80 % power
        false_positives  share of planted features of zero strength that this test finds
        rdm_share        r2 of the activity with each principal component scaled by its own standard deviation: the
                         share of the variance of the centred linear kernel zz', which drives linear CKA and RSA

    An R2 estimates that of the population, without bias by the noise of the fit: it lies about (classes - 1) / stimuli
    above that of `variance_explained`, and near 0, of either sign, for a feature that explains nothing.

    Intervals are of 95 %, over stimuli, or over groups where given: studentised bootstrap for all kinds of R2, 1.96
    standard deviations over resamples for density and participation, percentiles for decodability; those of the power
    are over planted features. The p values are of permutations of the labels: within folds, or, with groups, between
    groups where each has one label of the feature, else within them. That of decodability is of a shrinkage
    discriminant with equal priors, refitted for each permutation, whatever the classifier. `p_holm` corrects over
    features and layers, for r2 and decodability each.

    Parameters
    ----------
    arrays : activity by layer, `[stimulus, unit]` each, NumPy or torch, the same stimuli in the same order.
    features : class labels by name, `[stimulus]` each: whole numbers, truth values or text; or a data frame.
    groups : what the stimuli belong to (session, subject, scene), `[stimulus]`, where those of one are not independent.
    seed : seed of folds, resamples, permutations and planted features.
    resamples : bootstrap resamples, 100 or more.
    permutations : permutations of the labels, and planted features, 50 or more.
    missing : "refuse", or "drop" to leave out stimuli without a label, for all features.
    classifier : of decodability: "logistic", "ridge", "svm" or "nearest_mean", as in `fit_classifier`.

    Returns
    -------
    An `AuditReport`.

    Raises
    ------
    ValueError, TypeError : for what `check_inputs` refuses: labels that do not match in number, are missing, continuous
        or of one class; activity that is not `[stimulus, unit]` or not finite; and settings out of range.

    When not to use it: for continuous features that classes would distort; to show that a feature is *used*, which
    only an intervention can; with stimuli that repeat and no groups that say so, whose intervals would be too narrow.

    Source: the question is that of Lampinen, Chan & Hermann (2024), arXiv 2405.05847; the product of independent
    estimates is that of crossnobis, Walther et al. (2016), NeuroImage 137, 188-200.
    """
    refuse_wrong_settings(seed, resamples, permutations, classifier)
    inputs = check_inputs(arrays, features, groups, missing)
    plan = _plan(inputs, seed, resamples, permutations, classifier)
    found = {layer: audit_layer(values, plan) for layer, values in inputs.arrays.items()}
    results = _results(found, inputs.n_stimuli)
    return AuditReport(
        layers=tuple(inputs.arrays),
        features=tuple(inputs.labels),
        classes={name: labels.classes for name, labels in inputs.labels.items()},
        n_stimuli=inputs.n_stimuli,
        n_units={layer: values.shape[1] for layer, values in inputs.arrays.items()},
        results=results,
        units=_stacked({layer: one.units for layer, one in found.items()}, ["unit", "feature", "r2"]),
        components=_stacked(
            {layer: one.components for layer, one in found.items()}, ["feature", "component", "share", "r2"]
        ),
        sentences=conclusions(results, {layer: one.shared for layer, one in found.items()}),
        notes=(*inputs.notes, *_plan_notes(inputs, plan)),
        settings={
            "seed": seed,
            "resamples": resamples,
            "permutations": permutations,
            "missing": missing,
            "classifier": classifier,
            "folds": int(plan.fold_of.max()) + 1,
            "confidence": CONFIDENCE,
            "grouped": inputs.grouped,
        },
    )


def _plan(inputs: AuditInputs, seed: int, resamples: int, permutations: int, classifier: str) -> Plan:
    codes = {name: one_hot(labels.numbers, len(labels.classes)) for name, labels in inputs.labels.items()}
    fold_of = assign_folds(np.hstack(list(codes.values())), inputs.cluster, seed=seed)
    features = []
    for name, labels in inputs.labels.items():
        exchanged, planted = (
            permuted(labels.numbers, inputs.cluster, fold_of, permutations, rng(seed, "audit", what, name))
            for what in ("permutations", "planted")
        )
        between = between_clusters(labels.numbers, inputs.cluster)
        n_exchanged = int(inputs.cluster.max()) + 1 if between else inputs.n_stimuli
        features.append(Feature(name, labels, codes[name], exchanged, planted, n_exchanged))
    return Plan(
        features=tuple(features),
        fold_of=fold_of,
        draws=Resamples(inputs.cluster, resamples, seed=seed),
        pairs=associated(features, ASSOCIATED),
        classifier=classifier,
        seed=seed,
    )


def _results(found: dict[str, LayerFindings], n_stimuli: int) -> pd.DataFrame:
    columns = ["feature", "measure", "value", "ci_low", "ci_high", "p"]
    results = _stacked({layer: one.rows for layer, one in found.items()}, columns)
    results["n"] = n_stimuli
    results["p_holm"] = np.nan
    for measure in TESTED:
        tests = results["measure"] == measure
        results.loc[tests, "p_holm"] = holm(results.loc[tests, "p"].to_numpy())
    return results[list(RESULT_COLUMNS)]


def _stacked(rows: dict[str, list[Any]], columns: list[str]) -> pd.DataFrame:
    """Return the rows of all layers as one table, the layer's name first."""
    return pd.DataFrame([(layer, *row) for layer, some in rows.items() for row in some], columns=["layer", *columns])


def _plan_notes(inputs: AuditInputs, plan: Plan) -> tuple[str, ...]:
    folds = int(plan.fold_of.max()) + 1
    if not inputs.grouped:
        return (f"{folds} cross-validation folds; stimuli are taken to be independent, as no groups were given.",)
    n_groups = int(inputs.cluster.max()) + 1
    between = [f.name for f in plan.features if between_clusters(f.labels.numbers, inputs.cluster)]
    within = [f.name for f in plan.features if f.name not in between]
    notes = [f"{folds} cross-validation folds, which keep {n_groups} groups together; intervals are over groups."]
    if between:
        notes.append(f"Permuted between groups, as each group has one label: {', '.join(between)}.")
    if within:
        notes.append(f"Permuted within groups: {', '.join(within)}.")
    return tuple(notes)
