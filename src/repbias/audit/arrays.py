"""The audit of arrays: recordings, activations, any numbers `[stimulus, unit]` with labels of the stimuli."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import pandas as pd

from repbias.audit.activity import activity_notes, check_layers, refuse_other_order
from repbias.audit.inputs import Missing, Settings, Stimuli, check_stimuli
from repbias.audit.intervals import CONFIDENCE
from repbias.audit.layer import audit_layer
from repbias.audit.measures import READOUT, SCORES, VARIANCE, documented
from repbias.audit.plan import make_plan, plan_notes
from repbias.audit.report import AuditReport, make_report
from repbias.audit.scores import equal_share_notes
from repbias.core.arrays import ArrayLike, FloatArray


@documented(VARIANCE, READOUT, SCORES)
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
    """Measure how much variance of each layer every feature explains, and how well it can be decoded.

        report = repbias.audit_arrays({"V4": v4, "IT": it}, {"shape": shape, "colour": colour}, groups=session)
        print(*report.sentences, sep="\\n")
        report.save_html("audit.html")

    The report says of each feature in each layer whether it is dominant, detected, weak but decodable, not detected, or
    whether the data are inconclusive, and which effect these data could have shown. All numbers are cross-validated and
    have intervals, and tests are corrected for their number.

    Parameters
    ----------
    arrays : activity by layer, `[stimulus, unit]` each, of the same stimuli in the same order; NumPy arrays, torch
        tensors, data frames or sparse matrices.
    features : class labels by name, `[stimulus]` each: whole numbers, truth values or text; or a data frame.
    groups : the group of each stimulus (session, subject, scene), `[stimulus]`, where stimuli of one group are not
        independent. Folds, intervals and permutations keep groups together.
    repeats : the stimulus of which each row is a presentation, `[stimulus]`. Presentations of a stimulus stay in one
        fold and are resampled together. A feature with one label in all presentations of each stimulus is permuted
        between stimuli, any other feature among the presentations of a stimulus. With groups, if each stimulus is in
        one group, groups are kept whole and the noise ceiling is what repeats within a group reproduce. If stimuli are
        in several groups, stimuli are kept whole and groups are not: the numbers then hold for new stimuli in these
        groups, and the noise ceiling is what repeats in different groups reproduce.
    seed : seed of folds, resamples, permutations and planted features.
    resamples : number of bootstrap resamples, 100 or more.
    permutations : number of permutations of the labels, and of planted features, 50 or more.
    missing : "refuse", or "drop" to leave out the stimuli that lack a label of any feature.
    classifier : the classifier of decodability: "logistic", "ridge", "svm" or "nearest_mean"; see `fit_classifier`.

    Returns
    -------
    An `AuditReport`. Its `results` have, with z the activity of a stimulus about the mean of the other folds, and q the
    prediction for it by a regression from one-hot codes that was fitted on those folds, these measures:

    {measures}

    Raises
    ------
    ValueError, TypeError : labels whose number does not match, or that are missing, continuous or of one class;
        activity that is not `[stimulus, unit]` or not finite; an index of the stimuli in another order than that of the
        labels; settings out of range.

    Notes
    -----
    Each fold holds its share of each class of each feature. An R2 estimates that of the population and is not biased by
    the noise of the fit: it lies about (classes - 1) / stimuli above that of `variance_explained`, and near 0, of
    either sign, for a feature that explains nothing. If few stimuli cross the features exactly, R2 and decodability of
    a feature are too low, by about what the other features explain over the number of stimuli, because an excess in one
    fold is a lack in the others; tests are then conservative.

    Intervals are over stimuli, or over groups where these are given; those of R2 end at 1 and use Student's t where
    there are fewer than 5 groups; those of density and participation correct for the bias by noise; those of
    detectable_r2 and false_positives are over planted features. RSA and CKA use at most 1,000 stimuli.

    Labels are permuted within folds; with groups, between groups if each group has one label of the feature, else
    within groups. p values are corrected by Holm's rule (`p_holm`) over features and layers, for each measure
    separately.

    When not to use it: for continuous features that classes would distort; to show that a feature is *used*, which
    only an intervention can show; for repeated stimuli without `repeats`, as intervals would be too narrow.

    Source: the question is that of Lampinen, Chan & Hermann (2024), arXiv 2405.05847; the product of independent
    estimates is that of crossnobis, Walther et al. (2016), NeuroImage 137, 188-200; the noise ceiling by products of
    repeats is the signal power of Sahani & Linden (2003), NIPS 15.
    """
    settings = Settings(seed, resamples, permutations, missing, classifier)
    layers = check_layers(arrays)
    n = len(next(iter(layers.values())))
    stimuli = check_stimuli(features, groups, repeats, missing, n=n)
    refuse_other_order(arrays, features, groups, repeats)
    return audit_layers(layers, stimuli, settings)


def audit_layers(layers: Mapping[str, FloatArray], stimuli: Stimuli, settings: Settings) -> AuditReport:
    """Return the report on checked activity of all stimuli that were given, `[stimulus, unit]` by layer."""
    layers = stimuli.of(layers)
    plan = make_plan(stimuli, settings)
    found = {layer: audit_layer(values, plan) for layer, values in layers.items()}
    equalised = {layer: one.equalised for layer, one in found.items()}
    notes = (
        *stimuli.notes,
        *activity_notes(layers, stimuli),
        *plan_notes(stimuli, plan),
        *equal_share_notes(equalised, tuple(stimuli.labels), stimuli.n_stimuli),
    )
    return make_report(
        found,
        stimuli,
        {layer: values.shape[1] for layer, values in layers.items()},
        notes,
        asdict(settings)
        | {
            "folds": plan.n_folds,
            "confidence": CONFIDENCE,
            "grouped": stimuli.grouped,
            "repeats": stimuli.repeats is not None,
        },
    )
