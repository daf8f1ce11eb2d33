"""The audit of arrays: recordings, activations, any numbers `[stimulus, unit]` with labels; and their checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from repbias.audit.findings import LayerFindings
from repbias.audit.inputs import Missing, Scale, Settings, Stimuli, check_stimuli, named_values
from repbias.audit.intervals import CONFIDENCE
from repbias.audit.layer import audit_layer
from repbias.audit.measures import READOUT, SCORES, VARIANCE, documented
from repbias.audit.nesting import nesting_notes
from repbias.audit.plan import Plan, column_notes, make_plan
from repbias.audit.progress import AuditProgress
from repbias.audit.report import AuditReport, make_report
from repbias.audit.runs import find_runs
from repbias.audit.scaling import refuse_unknown_noise, scale_notes, scaled
from repbias.audit.scores import equal_share_notes
from repbias.core.arrays import ArrayLike, BoolArray, FloatArray, as_float64, as_representation, refuse_rdm
from repbias.core.frames import shared_index


@documented(VARIANCE, READOUT, SCORES)
def audit_arrays(
    arrays: Mapping[str, ArrayLike],
    features: Mapping[str, ArrayLike] | pd.DataFrame,
    *,
    groups: ArrayLike | None = None,
    repeats: ArrayLike | None = None,
    blocks: ArrayLike | None = None,
    order: ArrayLike | bool | None = None,
    seed: int = 0,
    resamples: int = 500,
    permutations: int = 200,
    missing: Missing = "refuse",
    classifier: str = "logistic",
    scale: Scale = "none",
    progress: bool = True,
) -> AuditReport:
    """Measure how much variance of each layer every feature explains, and how well it can be decoded.

        report = repbias.audit_arrays({"V4": v4, "IT": it}, {"shape": shape, "colour": colour}, groups=session)
        print(*report.sentences, sep="\\n")
        report.save_html("audit.html")

    The report says of each feature in each layer whether it is dominant, tied, detected, weak but decodable, not
    detected, or whether the data are inconclusive, and which effect these data could have shown. All numbers are
    cross-validated and have intervals, and tests are corrected for their number.

    Parameters
    ----------
    arrays : activity by layer, `[stimulus, unit]` each, of the same stimuli in the same order; NumPy arrays, torch
        tensors, data frames or sparse matrices.
    features : by name, `[stimulus]` each; or a data frame. Whole numbers, truth values and text are classes, other
        numbers are continuous; see `categorical`, `continuous`, `circular` and `columns`, which say it.
    groups : the group of each stimulus (session, subject, scene), `[stimulus]`, where stimuli of one group are not
        independent. Folds, intervals and permutations keep groups together.
    repeats : the stimulus of which each row is a presentation, `[stimulus]`. Presentations of a stimulus stay in one
        fold and are resampled together. A feature with one label in all presentations of each stimulus is permuted
        between stimuli, any other feature among the presentations of a stimulus. With groups, if each stimulus is in
        one group, groups are kept whole and the noise ceiling is what repeats within a group reproduce. If stimuli are
        in several groups, stimuli are kept whole and groups are not: the numbers then hold for new stimuli in these
        groups, and the noise ceiling is what repeats in different groups reproduce.
    blocks : the block of each stimulus, `[stimulus]`, such as ten trials or half a session, where stimuli that follow
        one another are alike and labels come in runs. Without groups, folds, intervals and permutations treat blocks
        as groups. With groups, whole blocks of a group change places if each block has one label of the feature;
        otherwise labels change places within blocks. With repeats, blocks take the place of groups.
    order : a number or time `[stimulus]`, or True for the order of the rows. Labels are then permuted by circular
        shifts along the sequence of the stimuli, or of each group, which keep their runs. Without groups, folds are
        contiguous parts of the sequence, and intervals are over 20 stretches of it. Where runs begin at fixed places
        of a sequence, shifts find too much: give `blocks`.
    seed : seed of folds, resamples, permutations and planted features.
    resamples : number of bootstrap resamples, 100 or more.
    permutations : number of permutations of the labels, and of planted features, 50 or more.
    missing : "refuse", or "drop" to leave out the stimuli that lack a label of any feature.
    classifier : the classifier of decodability: "logistic", "ridge", "svm" or "nearest_mean"; see `Classifier`.
    scale : "none" takes units as they are, so that a unit counts by its variance; "zscore" divides each by its standard
        deviation over stimuli; "noise" whitens the noise that repeats show, and needs `repeats`. The classifier
        standardises units in any case.
    progress : whether to show how much is done and how long the rest takes, on standard error or in the notebook.

    Returns
    -------
    An `AuditReport`. Its `results` have, with z the activity of a stimulus about the mean of the other folds, and q the
    prediction for it by a regression that was fitted on those folds, from one-hot codes of classes or the columns of
    other features, these measures:

    {measures}

    Raises
    ------
    ValueError, TypeError : labels whose number does not match, or that are missing or of one class; a feature that
        cannot be tested in the design, for example with one half of a session for each label;
        activity that is not `[stimulus, unit]` or not finite; an index of the stimuli in another order than that of the
        labels; settings out of range.

    Notes
    -----
    There are two estimators of R2. `r2` is the held-out R2, 1 - SS_res / SS_tot, which equals that of scikit-learn; the
    noise of the fit lowers it, by about (1 - R2) (classes - 1) / stimuli, and below 0 for a feature that explains
    nothing. `r2_unbiased` estimates the R2 of the population without that bias, and lies near 0, of either sign, for a
    feature that explains nothing. Tests, statuses, sentences, `r2_unique`, `r2_common` and all other shares of variance
    rest on `r2_unbiased`.

    A feature with many columns (`columns`) is penalised by ridge regression; each feature has its own penalty, which
    generalised cross-validation chooses on the stimuli of each fit. That holds for `r2` and for the tests.
    `r2_unbiased` and all that rests on it use least squares as long as there are two stimuli or more per column; beyond
    that they are penalised too, and then too low.

    Each fold holds its share of each class of each feature, and of five strata of other values. If few stimuli cross
    the features exactly, both R2 and decodability of a feature are too low, by about what the other features explain
    over the number of stimuli, because an excess in one fold is a lack in the others; tests are then conservative.

    Intervals are over stimuli, or over groups where these are given; those of both R2 end at 1 and use Student's t
    where there are fewer than 5 groups; those of density and participation correct for the bias by noise; those
    of detectable_r2 and false_positives are over planted features. RSA and CKA use at most 1,000 stimuli.

    Labels are permuted within folds; with groups, between groups if each group has one label of the feature, else
    within groups. If labels come in runs in the order of the rows and neighbouring rows are alike beyond the features,
    such permutations are invalid. A note then says so, and `false_positives` is the rate for labels with the same runs.
    `blocks` or `order` give valid tests. p values of a single shifted sequence are counted, so none is below
    1 / (1 + permutations). p values are corrected by Holm's rule (`p_holm`) over features and layers, for each measure
    separately.

    When not to use it: to show that a feature is *used*, which only an intervention can show; for repeated stimuli
    without `repeats`, as intervals would be too narrow.

    Source: the question is that of Lampinen, Chan & Hermann (2024), arXiv 2405.05847; the product of independent
    estimates is that of crossnobis, Walther et al. (2016), NeuroImage 137, 188-200; the noise ceiling by products of
    repeats is the signal power of Sahani & Linden (2003), NIPS 15.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> colour, shape = rng.integers(0, 2, (2, 300))
    >>> signal = np.outer(colour, rng.normal(size=20)) + 0.3 * np.outer(shape, rng.normal(size=20))
    >>> activity = {"IT": signal + rng.normal(size=(300, 20))}
    >>> features = {"colour": colour, "shape": shape}
    >>> report = repbias.audit_arrays(activity, features, resamples=100, permutations=50, progress=False)
    >>> report.statuses()["status"].tolist()
    ['dominant', 'weak but decodable']
    """
    settings = Settings(seed, resamples, permutations, missing, classifier, scale)
    refuse_unknown_noise(scale, repeats=repeats is not None)
    given = {"groups": groups, "repeats": repeats, "blocks": blocks}
    given |= {"order": None if isinstance(order, bool) else order}
    shared_index({"arrays": arrays, "features": features, **given})
    layers = check_layers(arrays)
    n = len(next(iter(layers.values())))
    stimuli = check_stimuli(features, groups, repeats, missing, blocks=blocks, order=order, n=n)
    with AuditProgress(enabled=progress) as shown:
        return audit_layers(layers, stimuli, settings, shown)


def audit_layers(
    layers: Mapping[str, FloatArray], stimuli: Stimuli, settings: Settings, progress: AuditProgress
) -> AuditReport:
    """Return the report on checked activity of all stimuli that were given, `[stimulus, unit]` by layer."""
    given = stimuli.of(layers)
    layers = {name: scaled(values, stimuli.repeats, settings.scale, name) for name, values in given.items()}
    runs = find_runs(layers, stimuli)
    plan = make_plan(stimuli, settings, {name: runs.shifts for name in runs.features})
    found = _measured(layers, plan, progress)
    equalised = {layer: one.equalised for layer, one in found.items()}
    notes = (
        *stimuli.notes,
        *activity_notes(given, stimuli),
        *(scale_notes({name: values.var(0) for name, values in given.items()}) if settings.scale == "none" else ()),
        *stimuli.design.notes(stimuli.features, plan.n_folds),
        *column_notes(stimuli.features, stimuli.n_stimuli, plan.n_folds),
        *runs.notes(),
        *nesting_notes(layers, stimuli),
        *equal_share_notes(equalised, tuple(stimuli.features), stimuli.n_stimuli),
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
            "grouped": stimuli.design.grouped,
            "repeats": stimuli.repeats is not None,
            "blocks": stimuli.design.blocked,
            "order": stimuli.design.shifts is not None,
        },
    )


def _measured(layers: Mapping[str, FloatArray], plan: Plan, progress: AuditProgress) -> dict[str, LayerFindings]:
    # Most of the time goes to the permutations, which are made in as many dimensions as the activity has.
    cost = {layer: min(values.shape) for layer, values in layers.items()}
    found: dict[str, LayerFindings] = {}
    for layer, values in layers.items():
        before = sum(cost[one] for one in found)

        def on_feature(done: int, before: int = before, layer: str = layer) -> None:
            share = (before + cost[layer] * done / len(plan.features)) / sum(cost.values())
            progress.estimated(share, layer)

        found[layer] = audit_layer(values, plan, on_feature)
    return found


def check_layers(arrays: Mapping[str, ArrayLike]) -> dict[str, FloatArray]:
    """Return activity by layer as finite float64 arrays `[stimulus, unit]` of the same stimuli, or raise."""
    named = named_values(arrays, "arrays", "{'layer': array}")
    layers = {name: _activity(values, f"the array {name!r}") for name, values in named.items()}
    first, n = next((name, len(values)) for name, values in layers.items())
    for name, values in layers.items():
        if len(values) != n:
            raise ValueError(
                f"all arrays must hold the same stimuli, got {n} in {first!r} and {len(values)} in {name!r}: "
                "align them first"
            )
    return layers


def unit_notes(constant: Mapping[str, BoolArray], zero: Mapping[str, BoolArray]) -> Iterator[str]:
    """Yield a note for each layer with units that never change: which do, `[unit]` by layer, and which are always 0."""
    for name, units in constant.items():
        if units.any():
            yield (
                f"{int(units.sum())} of {len(units)} units of {name!r} never change ({int((units & zero[name]).sum())} "
                "are always 0); they are kept, and count as units that no feature explains."
            )


def activity_notes(layers: Mapping[str, FloatArray], stimuli: Stimuli) -> tuple[str, ...]:
    """Return notes on units that never change, and on stimuli whose activity is that of another."""
    constant = {name: np.ptp(values, axis=0) == 0 for name, values in layers.items()}
    notes = [*unit_notes(constant, {name: values[0] == 0 for name, values in layers.items()})]
    distinct = len(set(zip(*([hash(row.tobytes()) for row in values] for values in layers.values()), strict=True)))
    if stimuli.repeats is None and 1 < distinct < stimuli.n_stimuli:
        notes.append(
            f"{stimuli.n_stimuli - distinct} of {stimuli.n_stimuli} stimuli have exactly the same activity as an "
            "earlier one. If they are presentations or copies of the same stimulus, say so with repeats=: otherwise a "
            "classifier is fitted on some copies and scored on others."
        )
    return tuple(notes)


def _activity(values: Any, what: str) -> FloatArray:
    """Return activity as float64 `[stimulus, unit]`, finite."""
    try:
        tensor = as_representation(values, what)
    except ValueError as error:
        if "inhomogeneous" in str(error):
            raise ValueError(f"{what} must be an array [stimulus, unit], got rows of different lengths") from error
        raise
    refuse_rdm(tensor, what)
    found = as_float64(tensor)
    with np.errstate(over="ignore"):
        overflows = not np.isfinite(np.square(found).sum())
    if overflows:
        raise ValueError(f"{what} holds values so large that their squares overflow: divide it by a constant")
    return found
