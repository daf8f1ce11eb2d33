"""The audit of arrays: recordings, activations, any numbers `[stimulus, unit]` with labels of the stimuli."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from repbias.audit.inputs import AuditInputs, Missing, check_inputs, refuse_wrong_settings
from repbias.audit.intervals import CONFIDENCE, Resamples
from repbias.audit.layer import audit_layer
from repbias.audit.plan import Plan
from repbias.audit.repeats import design_note, exchange_notes
from repbias.audit.report import AuditReport
from repbias.audit.score_sentences import score_sentences
from repbias.audit.scores import equal_share_notes
from repbias.audit.sentences import calibration, conclusions
from repbias.audit.tables import components_table, results_table, units_table
from repbias.core.arrays import ArrayLike, IntArray
from repbias.features.feature import Feature
from repbias.features.folds import assign_folds
from repbias.features.labels import associated
from repbias.features.permutations import Exchange, exchange, one_label_each


def audit_arrays(
    arrays: Mapping[str, ArrayLike],
    features: Mapping[str, ArrayLike] | pd.DataFrame,
    *,
    groups: ArrayLike | None = None,
    repeats: ArrayLike | None = None,
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

        r2               1 - sum ||q - z||^2 / sum ||z||^2, q from the feature alone; under (all), from all features
                         together: the held-out R2 of `variance_explained` and of scikit-learn
        r2_unbiased      sum q.z / sum x.z, x the activity about the mean of all stimuli: the R2 of the population,
                         without bias by the noise of the fit; all that follows rests on it
        r2_unique        what the R2 of all features together loses without the feature
        r2_common        r2_unbiased - r2_unique: what other features explain too
        density_0.1      share of the units with an r2_unbiased above 0.1
        participation    (sum_u e_u)^2 / sum_u e_u^2, e_u the sum of squares explained in unit u: in units
        decodability     balanced accuracy of a linear classifier
        chance           1 / classes
        detectable_r2    smallest R2 of a planted feature that a test at 5 % finds with 80 % power
        false_positives  share of planted features of zero strength that this test finds
        rdm_share        r2_unbiased of the activity with each principal component scaled by its own standard deviation:
                         the share of the variance of the centred linear kernel zz', which drives linear CKA and RSA
        rsa              correlation of squared Euclidean distances with those of a model that holds the feature alone,
                         0 within a class and 1 between: what that model would score in an RSA of these responses,
                         their noise included, which lowers it
        cka              debiased linear CKA with the one-hot code
        rsa_equalised, cka_equalised, r2_equalised
                         the same, and r2_unbiased, after the linear map of `equalize`, which gives the features whose
                         `r2_unique` has an interval above 0 equal shares; fitted on the other folds. With fewer than
                         two such features all stays as it is, with a note
        noise_ceiling    with `repeats`, under (all): sum q.z / sum ||z||^2, q the mean of the stimulus's other
                         presentations: the share of the variance that repeats reproduce
        r2_of_ceiling    r2_unbiased / noise_ceiling, both in stimuli that repeat, for features with one label in all
                         presentations of each stimulus; NaN where the ceiling's interval reaches 0

    `r2_unbiased` lies near 0, of either sign, for a feature that explains nothing, where `r2` lies below 0, by about
    (classes - 1) / stimuli; see `repbias.measures.variance`. One permutation test serves both.
    Where few stimuli cross features exactly, what one fold has too much of the others have too little, and that feature
    lies below 0, and below chance, by about what other features explain over the number of stimuli; its tests are then
    conservative.

    Intervals are of 95 %, over stimuli, or over groups where given: studentised bootstrap for all kinds of R2, up to 1,
    but Student's of fewer than 5 groups; Student's with standard deviations over resamples for RSA and CKA; closed
    tests of the units for density, Fieller's with a jackknife for participation, both without the bias by noise;
    Clopper and Pearson's for decodability; those of the power are over planted features. RSA and CKA are of at most
    1,000 stimuli, their intervals of 200 resamples.
    The p values are of permutations of the labels: within folds, or, with groups, between groups where each has one
    label of the feature, else within them; with repeats, see below. That of decodability is of a shrinkage
    discriminant with equal priors, refitted for each permutation, whatever the classifier. `p_holm` corrects over
    features and layers, for r2 and decodability each.

    Parameters
    ----------
    arrays : activity by layer, `[stimulus, unit]` each, NumPy or torch, the same stimuli in the same order.
    features : class labels by name, `[stimulus]` each: whole numbers, truth values or text; or a data frame.
    groups : what the stimuli belong to (session, subject, scene), `[stimulus]`, where those of one are not independent.
    repeats : which stimulus each row is a presentation of, `[stimulus]`. Presentations of one stimulus lie in one fold
        and are resampled together; a label that all of them have is permuted between stimuli, others among them. With
        groups, where each stimulus is in one group, groups are kept whole, and the ceiling is what repeats within a
        group reproduce. Where stimuli are in several groups, stimuli are kept whole and groups are not: numbers then
        hold for new stimuli in these groups, and the ceiling is what repeats in different groups reproduce.
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
    only an intervention can; with stimuli that repeat and no `repeats` that say so: intervals would be too narrow.

    Source: the question is that of Lampinen, Chan & Hermann (2024), arXiv 2405.05847; the product of independent
    estimates is that of crossnobis, Walther et al. (2016), NeuroImage 137, 188-200; the noise ceiling by products of
    repeats is the signal power of Sahani & Linden (2003), NIPS 15.
    """
    refuse_wrong_settings(seed, resamples, permutations, classifier)
    inputs = check_inputs(arrays, features, groups, missing, repeats)
    plan = _plan(inputs, seed, resamples, permutations, classifier)
    found = {layer: audit_layer(values, plan) for layer, values in inputs.arrays.items()}
    results = results_table({layer: one.rows for layer, one in found.items()}, inputs.n_stimuli)
    made_equal = {layer: one.made_equal for layer, one in found.items()}
    return AuditReport(
        layers=tuple(inputs.arrays),
        features=tuple(inputs.labels),
        classes={name: labels.classes for name, labels in inputs.labels.items()},
        n_stimuli=inputs.n_stimuli,
        n_units={layer: values.shape[1] for layer, values in inputs.arrays.items()},
        results=results,
        units=units_table({layer: one.units for layer, one in found.items()}),
        components=components_table({layer: one.components for layer, one in found.items()}),
        sentences=(
            *conclusions(results, {layer: one.shared for layer, one in found.items()}),
            *score_sentences(results, made_equal),
            calibration(results),
        ),
        notes=(
            *inputs.notes,
            *_plan_notes(inputs, plan),
            *equal_share_notes(made_equal, tuple(inputs.labels), inputs.n_stimuli),
        ),
        settings={
            "seed": seed,
            "resamples": resamples,
            "permutations": permutations,
            "missing": missing,
            "classifier": classifier,
            "folds": int(plan.fold_of.max()) + 1,
            "confidence": CONFIDENCE,
            "grouped": inputs.grouped,
            "repeats": inputs.repeats is not None,
        },
    )


def _plan(inputs: AuditInputs, seed: int, resamples: int, permutations: int, classifier: str) -> Plan:
    strata = np.column_stack([labels.numbers for labels in inputs.labels.values()])
    fold_of = assign_folds(strata, inputs.cluster, seed=seed)
    rules = {name: _exchange(inputs, labels.numbers, fold_of) for name, labels in inputs.labels.items()}
    features = tuple(
        Feature.with_permutations(name, labels, rules[name], permutations, seed=seed)
        for name, labels in inputs.labels.items()
    )
    return Plan(
        features=features,
        cluster=inputs.cluster,
        fold_of=fold_of,
        draws=Resamples(inputs.cluster, resamples, seed=seed),
        pairs=associated(inputs.labels),
        classifier=classifier,
        seed=seed,
        repeats=inputs.repeats,
    )


def _exchange(inputs: AuditInputs, labels: IntArray, fold_of: IntArray) -> Exchange:
    if inputs.repeats is not None:
        return inputs.repeats.exchange(labels, fold_of)
    return exchange(labels, inputs.cluster, fold_of)


def _plan_notes(inputs: AuditInputs, plan: Plan) -> tuple[str, ...]:
    folds = int(plan.fold_of.max()) + 1
    labels = {feature.name: feature.labels.numbers for feature in plan.features}
    if inputs.repeats is not None:
        return (
            f"{folds} cross-validation folds.",
            design_note(inputs.repeats),
            *exchange_notes(inputs.repeats, labels),
        )
    if not inputs.grouped:
        return (f"{folds} cross-validation folds; stimuli are taken to be independent, as no groups were given.",)
    n_groups = int(inputs.cluster.max()) + 1
    between = [name for name, numbers in labels.items() if one_label_each(numbers, inputs.cluster)]
    within = [name for name in labels if name not in between]
    notes = [f"{folds} cross-validation folds, which keep {n_groups} groups together; intervals are over groups."]
    if between:
        notes.append(f"Permuted between groups, as each group has one label: {', '.join(between)}.")
    if within:
        notes.append(f"Permuted within groups: {', '.join(within)}.")
    return tuple(notes)
