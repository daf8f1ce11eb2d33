"""The audit of the layers of a model: what they represent of each feature, and what changing that does."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import torch
from torch import nn

from repbias.activations.axes import Axes
from repbias.activations.batches import Batches
from repbias.activations.layers import evaluating, match_layers
from repbias.activations.layout import Pool, refuse_unknown_pool
from repbias.activations.reading import read_batches
from repbias.audit.arrays import audit_layers, check_layers
from repbias.audit.causal.edits import KINDS, Kind
from repbias.audit.causal.effects import CausalEffects, causal_effects
from repbias.audit.causal.outcomes import Outputs, Reports
from repbias.audit.causal.rows import causal_rows, causal_sentences
from repbias.audit.inputs import Missing, Scale, Settings, Stimuli, check_stimuli
from repbias.audit.measures import CAUSAL, documented
from repbias.audit.passes import CAUSES, buffers_of, compare_passes, set_back
from repbias.audit.progress import AuditProgress
from repbias.audit.report import AuditReport
from repbias.audit.scaling import refuse_unknown_noise
from repbias.core.arrays import ArrayLike
from repbias.measures.interventions.site import Predict


@documented(CAUSAL)
def audit(
    model: nn.Module,
    inputs: Any,
    features: Mapping[str, ArrayLike] | pd.DataFrame,
    layers: str | Sequence[str],
    *,
    groups: ArrayLike | None = None,
    repeats: ArrayLike | None = None,
    blocks: ArrayLike | None = None,
    order: ArrayLike | bool | None = None,
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
    scale: Scale = "none",
    progress: bool = True,
    reach: Sequence[Kind] | None = None,
) -> AuditReport:
    """Measure which features the layers of a model represent, how strongly, and what changing each of them does.

        tokens = tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left")     # of Hugging Face
        report = audit(gpt2, dict(tokens), {"positive": positive, "long": long}, layers="transformer.h.*", pool="last",
                       predict=lambda output: {"positive": output.logits[:, -1, good] > output.logits[:, -1, bad]})

    The activity of the layers is read as by `read_layers` and audited as by `audit_arrays`. Then each feature is
    ablated (erased) from each layer, and each stimulus is steered from its class to the next, or by a step of its
    value, to show which layers the model uses for it; see `causal_effects`.

    Parameters
    ----------
    model : any module. It runs in eval mode without gradients, and is left as it was.
    inputs : a tensor or array `[stimulus, ...]`; a mapping of arrays, the arguments of the model by name; or a list or
        `DataLoader` of batches; see `Batches`. The inputs are read twice.
    features : by name, `[stimulus]` each, of any kind as in `audit_arrays`, in the order of the inputs.
    layers : glob patterns of layer names, such as "blocks.*.mlp", or of single calls, "act#1"; see `match_layers`.
    groups, repeats, blocks, order, seed, resamples, permutations, missing, classifier, scale : as in `audit_arrays`;
        interventions are made in the activity as it is.
    batch_size, device, pool, axes, attention_mask : as in `read_layers`; in `axes`, "(output)" stands for the output of
        the model.
    predict : a function from the output of the model to the labels that it reports, `[stimulus, feature]`, or a mapping
        of the features that it reports to labels `[stimulus]`; labels as in `features`.
    interventions : "ablation", "steering", both, or () for neither. Each takes two forward passes of all stimuli per
        layer and feature; reading the activity takes one in all.
    progress : whether to show how much is done and how long the rest takes, on standard error or in the notebook. Where
        ablation and steering will take more than ten seconds, their time is announced after the activity was read.
    reach : the former name of `interventions`.

    Returns
    -------
    An `AuditReport`. Its `results` have the measures of `audit_arrays`, and of the causal effects:

    {measures}

    Raises
    ------
    ValueError, TypeError : as `audit_arrays`, `read_layers` and `Batches`; features of another number of stimuli than
        the inputs; a `predict` that returns other shapes, names or classes. What the labels or the first batch show to
        be wrong is refused before the remaining batches run.

    When not to use it: to conclude that a model does not use a feature because ablating it changes little: the model
    may read it nonlinearly, or on a path around the layer. If the labels of two features are associated, ablating or
    steering one of them also changes the other.

    Examples
    --------
    >>> import torch, repbias
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2)).eval()
    >>> inputs = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    >>> labels = dict(first=inputs[:, 0] > 0, second=inputs[:, 1] > 0)
    >>> report = repbias.audit(model, inputs, labels, "1", resamples=100, permutations=50, progress=False)
    >>> sorted(set(report.statuses()["feature"]))
    ['first', 'second']
    """
    if reach is not None:
        warnings.warn("reach is now called interventions", FutureWarning, stacklevel=2)
        interventions = reach
    settings = Settings(seed, resamples, permutations, missing, classifier, scale)
    refuse_unknown_noise(scale, repeats=repeats is not None)
    refuse_unknown_pool(pool)
    _refuse_wrong_interventions(interventions, predict)
    names = match_layers(model, layers)
    batches = Batches(inputs, model, batch_size=batch_size, device=device, attention_mask=attention_mask)
    stimuli = check_stimuli(
        features, groups, repeats, missing, blocks=blocks, order=order, n=batches.n_stimuli, of="inputs"
    )
    outcome = Reports(predict, stimuli) if predict else Outputs(model, pool, axes)
    with set_back(model, buffers_of(model)):
        unclear = _try(model, batches, outcome) if interventions else ""
    compared = compare_passes(model, batches, names, outcome if interventions and not unclear else None)
    if compared.output:
        unclear = f"the model's output differs between two passes of the same stimuli: in eval mode it is {CAUSES}"
    passes = 2 * len(interventions) * len(names) * len(stimuli.features) if not unclear else 0
    with set_back(model, compared.buffers), AuditProgress(enabled=progress, passes=passes) as shown:
        activity = read_batches(model, batches, names, pool, axes)
        shown.has_read()
        report = audit_layers(check_layers(activity.arrays), stimuli, settings, shown)
        report = replace(
            report,
            notes=(*activity.notes, *compared.notes(), *report.notes),
            settings=report.settings | {"pool": pool, "batch_size": batch_size, "interventions": tuple(interventions)},
        )
        if not interventions:
            return report
        if unclear:
            note = f"No {' or '.join(interventions)}, because no change can be measured: {unclear}."
            return replace(report, notes=(*report.notes, note))
        effects = causal_effects(
            model, batches, activity, stimuli, outcome, seed=seed, kinds=interventions, on_pass=shown.intervening()
        )
        return _with_effects(report, effects, outcome, stimuli, settings)


def _with_effects(
    report: AuditReport, effects: CausalEffects, outcome: Reports | Outputs, stimuli: Stimuli, settings: Settings
) -> AuditReport:
    """Return the report with the causal effects of each feature added."""
    notes = (*report.notes, *effects.notes)
    reported = None
    if isinstance(outcome, Reports) and effects.before.size:
        reported = outcome.features
        accuracy = zip(reported, outcome.correct(effects.before, stimuli.kept).mean(0), strict=True)
        notes += (
            "Accuracy of the model itself: " + ", ".join(f"{name} {100 * a:.1f} %" for name, a in accuracy) + ".",
        )
    if not effects.changes:
        return replace(report, notes=notes)
    rows = causal_rows(effects, reported, stimuli.cluster, seed=settings.seed, resamples=settings.resamples)
    return replace(
        report,
        results=pd.concat([report.results, rows], ignore_index=True),
        sentences=(*report.sentences, *causal_sentences(rows)),
        notes=notes,
    )


def _try(model: nn.Module, batches: Batches, outcome: Reports | Outputs) -> str:
    """Read the outcome of the first batch; without `predict`, return why it cannot be read, or ""."""
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
            "predict is only used by ablation and steering, and interventions=() turns both off: leave out one of them"
        )
