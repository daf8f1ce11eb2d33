"""The audit of a model: any `nn.Module`, its stimuli, and the features that it may represent."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from repbias.activations.axes import Axes
from repbias.activations.batches import Batches
from repbias.activations.layers import evaluating, match_layers
from repbias.activations.layout import Pool, refuse_unknown_pool
from repbias.activations.reading import Activity, read_batches
from repbias.audit.arrays import audit_arrays
from repbias.audit.causal.edits import KINDS, Kind
from repbias.audit.causal.effects import causal_effects
from repbias.audit.causal.outcomes import Outputs, Reports
from repbias.audit.causal.rows import causal_rows, causal_sentences
from repbias.audit.inputs import AuditInputs, Missing, check_inputs, n_labels, refuse_wrong_settings
from repbias.audit.report import AuditReport
from repbias.core.arrays import ArrayLike
from repbias.measures.interventions.site import Predict


def audit(
    model: nn.Module,
    inputs: Any,
    features: Mapping[str, ArrayLike] | pd.DataFrame,
    layers: str | Sequence[str],
    *,
    groups: ArrayLike | None = None,
    repeats: ArrayLike | None = None,
    batch_size: int = 256,
    device: str | torch.device | None = None,
    pool: Pool = "mean",
    axes: Axes | None = None,
    attention_mask: ArrayLike | None = None,
    predict: Predict | None = None,
    interventions: Sequence[Kind] = KINDS,
    seed: int = 0,
    resamples: int = 500,
    permutations: int = 200,
    missing: Missing = "refuse",
    classifier: str = "logistic",
    reach: Sequence[Kind] | None = None,
) -> AuditReport:
    """Measure how strongly a model's layers represent features, and what changing each of them does.

        tokens = tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left")     # of Hugging Face
        report = audit(gpt2, dict(tokens), {"positive": positive, "long": long}, layers="transformer.h.*", pool="last",
                       predict=lambda output: {"positive": output.logits[:, -1, good] > output.logits[:, -1, bad]})

    The activity of the layers is read as by `repbias.activations.reading.read` and audited as by `audit_arrays`. Then
    each feature is erased from each layer, and each stimulus steered in it from its class to the next, see
    `causal_effects`, which adds to the results

        ablation_own      accuracy lost on the feature itself, where the model reports it
        ablation_others   accuracy lost on the other reported features, their mean
        ablation_output   without `predict`: sum of squared changes of the output over its variance
        ablation_control  the first of these that applies, with shuffled labels of the feature
        steering_own      share of the stimuli whose report of the feature turns to the class steered towards, less
                          those whose report turns from it
        steering_others   share of the reports of the other features that change, their mean
        steering_output   without `predict`: as `ablation_output`
        steering_control  the first of these that applies, steered as far by shuffled labels

    Parameters
    ----------
    model : any module; run in eval mode without gradients, and left as it was.
    inputs : a tensor or array `[stimulus, ...]`; a mapping of arrays, the model's arguments by name; or a list or
        `DataLoader` of batches; see `Batches`. They are gone through more than once.
    features : class labels by name, `[stimulus]` each, in the order of the inputs.
    layers : glob patterns of layer names, such as "blocks.*.mlp", or of single calls, "act#1"; see `match_layers`.
    groups, repeats, seed, resamples, permutations, missing, classifier : as in `audit_arrays`.
    batch_size, device, pool, axes, attention_mask : as in `repbias.activations.reading.read`; in `axes`,
        "(output)" stands for what the model returns.
    predict : from what the model returns to labels `[stimulus, feature]`, or by name to those of the features that the
        model reports; labels as in `features`, no probabilities.
    interventions : "ablation", "steering", both, or () for neither. Each takes two forward passes of all stimuli for
        each layer and feature, where reading takes one in all.
    reach : the former name of `interventions`.

    Returns
    -------
    An `AuditReport`.

    Raises
    ------
    ValueError, TypeError : as `audit_arrays`, `read` and `Batches`; features of another number of stimuli than
        the inputs; a `predict` that returns other shapes, names or classes. What the labels or the first batch show is
        refused before the rest is run.

    When not to use it: to conclude that a model does not use a feature because erasing it changes little: it may be
    read nonlinearly, or bypass the layer. Erasing one of two features whose labels go together erases both, and
    steering one steers both.
    """
    if reach is not None:
        warnings.warn("reach is now called interventions", FutureWarning, stacklevel=2)
        interventions = reach
    refuse_unknown_pool(pool)
    refuse_wrong_settings(seed, resamples, permutations, classifier)
    _refuse_wrong_interventions(interventions, predict)
    names = match_layers(model, layers)
    n = n_labels(features)
    stimuli = check_inputs({"stimuli": np.arange(n)[:, None]}, features, groups, missing, repeats)
    batches = Batches(inputs, model, batch_size=batch_size, device=device, attention_mask=attention_mask)
    _refuse_other_number(batches.n_stimuli, n)
    kept = stimuli.arrays["stimuli"][:, 0].astype(np.int64)  # the running numbers of those that were not dropped
    outcome = Reports(predict, stimuli.labels, kept, n) if predict else Outputs(model, pool, axes)
    unclear = _try(model, batches, outcome) if interventions else ""
    activity = read_batches(model, batches, names, pool, axes)
    _refuse_other_number(len(next(iter(activity.arrays.values()))), n)
    report = audit_arrays(
        activity.arrays, features, groups=groups, repeats=repeats, seed=seed, resamples=resamples,
        permutations=permutations, missing=missing, classifier=classifier,
    )  # fmt: skip
    settings = report.settings | {"pool": pool, "batch_size": batch_size, "interventions": tuple(interventions)}
    report = replace(report, notes=(*activity.notes, *report.notes), settings=settings)
    if not interventions:
        return report
    if unclear:
        note = f"No {' or '.join(interventions)}, as no change can be measured: {unclear}."
        return replace(report, notes=(*report.notes, note))
    return _with_effects(report, model, batches, activity, stimuli, kept, outcome, interventions)


def _with_effects(
    report: AuditReport,
    model: nn.Module,
    batches: Batches,
    activity: Activity,
    stimuli: AuditInputs,
    kept: np.ndarray[Any, np.dtype[np.int64]],
    outcome: Reports | Outputs,
    kinds: Sequence[Kind],
) -> AuditReport:
    """Return the report with what erasing each feature, and steering it, changes."""
    seed, resamples = report.settings["seed"], report.settings["resamples"]
    effects = causal_effects(
        model, batches, activity, stimuli.labels, stimuli.cluster, kept, outcome, seed=seed, kinds=kinds
    )
    notes = (*report.notes, *effects.notes)
    reported = None
    if isinstance(outcome, Reports) and effects.before.size:
        reported = outcome.features
        accuracy = zip(reported, outcome.correct(effects.before, kept).mean(0), strict=True)
        notes += ("The model's own accuracy: " + ", ".join(f"{name} {100 * a:.1f} %" for name, a in accuracy) + ".",)
    if not effects.changes:
        return replace(report, notes=notes)
    rows = causal_rows(effects, reported, stimuli.cluster, seed=seed, resamples=resamples)
    return replace(
        report,
        results=pd.concat([report.results, rows], ignore_index=True),
        sentences=(*report.sentences, *causal_sentences(rows)),
        notes=notes,
    )


def _try(model: nn.Module, batches: Batches, outcome: Reports | Outputs) -> str:
    """Read the outcome of the first batch; without `predict`, return why that cannot be done, or ""."""
    with torch.no_grad(), evaluating(model):
        batch = next(iter(batches))
        output = batch.run(model)
    if isinstance(outcome, Reports):
        outcome.read(output, batch)
        return ""
    try:
        outcome.read(output, batch)
    except (TypeError, ValueError) as error:
        return str(error)
    return ""


def _refuse_wrong_interventions(interventions: Sequence[str], predict: Predict | None) -> None:
    wrong = isinstance(interventions, str) or not set(interventions) <= set(KINDS)
    if wrong or len(set(interventions)) < len(interventions):
        raise ValueError(
            f"interventions must be a list of {' and '.join(map(repr, KINDS))}, one, both, or () for none, got "
            f"{interventions!r}"
        )
    if predict and not interventions:
        raise ValueError(
            "predict shows what interventions change, and interventions=() asks for none: leave out one of them"
        )


def _refuse_other_number(n_stimuli: int | None, n_labels: int) -> None:
    if n_stimuli not in (None, n_labels):
        raise ValueError(
            f"features must have one label for each of the {n_stimuli} stimuli of the inputs, got {n_labels}: check "
            "that both are of the same stimuli, in the same order"
        )
