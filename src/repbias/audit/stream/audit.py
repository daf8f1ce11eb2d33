"""The audit of activity that does not fit in memory, in one pass over chunks; and the activity of a model in chunks."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
import torch
from torch import nn

from repbias.activations.axes import Axes
from repbias.activations.batches import Batches
from repbias.activations.layers import match_layers
from repbias.activations.layout import Pool, refuse_unknown_pool
from repbias.activations.reading import Float32Array, iterate_batches
from repbias.audit.arrays import unit_notes
from repbias.audit.findings import LayerFindings
from repbias.audit.inputs import Missing, Scale, Settings, Stimuli, check_stimuli, refuse_below
from repbias.audit.intervals import CONFIDENCE
from repbias.audit.passes import compare_passes, set_back
from repbias.audit.plan import column_notes
from repbias.audit.progress import AuditProgress
from repbias.audit.report import AuditReport, make_report
from repbias.audit.scaling import refuse_unknown_noise, scale_notes
from repbias.audit.stream.layer import audit_sums
from repbias.audit.stream.plan import StreamPlan, stream_plan
from repbias.audit.stream.scaling import standardised, unit_variances
from repbias.audit.stream.sums import Chunk, LayerSums, read_sums
from repbias.core.arrays import ArrayLike

CLASSIFIER = "shrinkage discriminant"
LEAST_SAMPLE = 1_000
COMMON = 6  # features whose tests take as long as what all features of a layer need (measured: 5 to 8)


def audit_stream(
    chunks: Iterable[Chunk],
    features: Mapping[str, ArrayLike] | pd.DataFrame,
    *,
    seed: int = 0,
    resamples: int = 500,
    permutations: int = 200,
    missing: Missing = "refuse",
    scale: Scale = "none",
    sample: int = 10_000,
    progress: bool = True,
) -> AuditReport:
    """Audit activity that does not fit in memory, in one pass over chunks of it.

    `stream_activity` gives such chunks for a model.

    The measures have the same names and the same meaning as in `audit_arrays`. Measures of variance (`r2`, `r2_unique`,
    `r2_common`, `density_0.1`, `participation`, `rdm_share`, both R2 of units and components) use all stimuli. Up to
    20,000 stimuli the folds are those of `audit_arrays`, and so are the values of these measures, except for
    `participation`, whose jackknife has other blocks. These are estimated differently:

        intervals        of both R2: the width over a random sample of m of the n stimuli, times sqrt(m / n); of
                         density: from standard errors over blocks of that sample, scaled in the same way
        decodability     a shrinkage discriminant with equal priors is fitted on all stimuli of the other folds and
                         scored on the sample, to which rare classes are added up to 20 stimuli each; p is that of
                         `exchanged_p`. Of features that are not classes, the R2 of a regression with the same
                         covariance, over the sample
        p of r2, detectable_r2
                         from the distribution that permutations approach with many stimuli; see `null_r2` and
                         `detectable_r2`
        false_positives  share of shuffled labels that this test detects, in 1,000 stimuli of the sample

    A stream has no groups, repeats, blocks or order, and no scores of RSA and CKA.

    Only the labels need more memory with more stimuli. With u units, a layer takes 48 u^2 bytes for the folds and their
    sum (half as much again during the analysis), 128 MB for stimuli that are not yet added up, and 4 u bytes for each
    stimulus of the sample. All layers are read together. A pass takes about n u^2 multiplications per layer.

    Parameters
    ----------
    chunks : an iterable, read once, of arrays `[stimulus, unit]` of one layer, or of mappings from layers to such
        arrays: NumPy arrays or torch tensors, float16, float32 or float64, with any number of stimuli, in the order of
        the labels.
    features : of all stimuli by name, `[stimulus]` each, of any kind as in `audit_arrays`; or a data frame.
    seed : seed of folds, samples, resamples and planted features.
    resamples : number of bootstrap resamples, 100 or more.
    permutations : number of planted features, and of shuffled labels, 50 or more.
    missing : "refuse", or "drop" to leave out the stimuli that lack a label of any feature.
    scale : "none" or "zscore", as in `audit_arrays`; "noise" is refused, as a stream has no repeats.
    sample : number of stimuli whose activity is kept in memory, 1,000 or more.
    progress : whether to show how many stimuli were read and then how long the rest takes, on standard error or in the
        notebook.

    Returns
    -------
    An `AuditReport`.

    Raises
    ------
    ValueError, TypeError : labels are wrong as in `audit_arrays`, which is found before anything is read; a chunk is
        not `[stimulus, unit]`, is empty or not finite, or differs from earlier ones in its layers or units; there are
        more or fewer stimuli than labels; or values are so large, compared with the first chunk, that their squares
        overflow.

    When not to use it: for activity that fits in memory, where `audit_arrays` makes permutation tests; for stimuli that
    are not independent (sessions, subjects, repeats): average what belongs together first, or audit a part with
    `audit_arrays` and groups; for classes of a hundred stimuli or fewer in activity with outliers, because p assumes
    that class sums are nearly Gaussian.

    Source: as `audit_arrays`.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> colour, shape = rng.integers(0, 2, (2, 1500))
    >>> activity = np.outer(colour, rng.normal(size=10)) + rng.normal(size=(1500, 10))
    >>> chunks = ({"IT": activity[start : start + 500]} for start in range(0, 1500, 500))
    >>> labels = {"colour": colour, "shape": shape}
    >>> report = repbias.audit_stream(chunks, labels, resamples=100, permutations=50, sample=1000, progress=False)
    >>> report.statuses()["status"].tolist()
    ['dominant', 'not detected']
    """
    settings = Settings(seed, resamples, permutations, missing, scale=scale)
    refuse_unknown_noise(scale, repeats=False)
    refuse_below("sample", sample, LEAST_SAMPLE, "fewer do not determine the intervals")
    stimuli = check_stimuli(features, missing=missing)
    plan = stream_plan(stimuli, sample, seed)
    with AuditProgress(enabled=progress) as shown:
        layers = read_sums(chunks, plan, lambda read: shown.has_read_part(read, stimuli.n_given))
        shown.has_read()
        return _report(layers, plan, stimuli, settings, shown)


def _report(
    layers: dict[str, LayerSums], plan: StreamPlan, stimuli: Stimuli, settings: Settings, progress: AuditProgress
) -> AuditReport:
    """Return the report on the sums of all layers, each of which is dropped when it is measured."""
    n_units = {layer: len(sums.varies) for layer, sums in layers.items()}
    constant = {layer: ~sums.varies for layer, sums in layers.items()}
    silent = {layer: sums.silent for layer, sums in layers.items()}
    notes = (
        *stimuli.notes,
        *unit_notes(constant, silent),
        *_plan_notes(plan),
        *column_notes(stimuli.features, stimuli.n_stimuli, plan.n_folds),
    )
    if settings.scale == "zscore":
        layers = {layer: standardised(layers.pop(layer), plan) for layer in n_units}
    else:
        notes += tuple(scale_notes({layer: unit_variances(sums, plan) for layer, sums in layers.items()}))
    found: dict[str, LayerFindings] = {}
    for place, layer in enumerate(n_units):

        def on_feature(done: int, place: int = place, layer: str = layer) -> None:
            before = sum(n_units[one] ** 2 for one in list(n_units)[:place])
            here = n_units[layer] ** 2 * (done + COMMON) / (len(plan.features) + COMMON)
            progress.estimated((before + here) / sum(n**2 for n in n_units.values()), layer)

        found[layer] = audit_sums(layers.pop(layer), plan, settings.resamples, settings.permutations, on_feature)
    more = {
        "classifier": CLASSIFIER,
        "folds": plan.n_folds,
        "confidence": CONFIDENCE,
        "grouped": False,
        "sample": len(plan.representative),
    }
    return make_report(found, stimuli, n_units, notes, asdict(settings) | more)


def _plan_notes(plan: StreamPlan) -> tuple[str, ...]:
    m = len(plan.representative)
    return (
        f"{plan.n_folds} cross-validation folds; stimuli are taken to be independent, as a stream has no groups.",
        f"Read in one pass. Variance and fits use all {plan.n_stimuli:,} stimuli; intervals and decodability use {m:,} "
        "of them, drawn at random, decodability with more of the rare classes. p values come from the distribution "
        "that permutations have for many stimuli, and that of decodability from a normal approximation.",
    )


def stream_activity(
    model: nn.Module,
    inputs: Any,
    layers: str | Sequence[str],
    *,
    batch_size: int = 256,
    device: str | torch.device | None = None,
    pool: Pool = "mean",
    axes: Axes | None = None,
    attention_mask: ArrayLike | None = None,
) -> Iterator[dict[str, Float32Array]]:
    """Return an iterator over the activity of a model's layers, batch by batch, for `audit_stream`.

    Each part maps layers to float32 arrays `[stimulus in batch, unit]`; nothing is kept in memory. The model is in eval
    mode and has hooks only while a batch runs; between batches it is as it was.

    Parameters
    ----------
    model, inputs, layers, batch_size, device, pool, axes, attention_mask : as in `audit`.

    Raises
    ------
    ValueError, TypeError : as in `audit`. Wrong settings are refused at once, wrong inputs and outputs when they are
        read. `audit_stream` refuses layers whose number of units differs between batches.

    When not to use it: where the activity of all stimuli fits in memory; `audit` reads it itself.

    Examples
    --------
    >>> import torch, repbias
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
    >>> inputs = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    >>> parts = repbias.stream_activity(model, inputs, "1", batch_size=50)
    >>> [len(part["1"]) for part in parts]
    [50, 50, 50, 50]
    """
    refuse_unknown_pool(pool)
    names = match_layers(model, layers)
    batches = Batches(inputs, model, batch_size=batch_size, device=device, attention_mask=attention_mask)
    return _warned_of(model, batches, names, iterate_batches(model, batches, names, pool, axes))


def _warned_of(
    model: nn.Module, batches: Batches, names: Sequence[str], parts: Iterator[dict[str, Float32Array]]
) -> Iterator[dict[str, Float32Array]]:
    """Yield the parts; warn before the first of them where two passes of the same stimuli differ."""
    compared = compare_passes(model, batches, names)
    for note in compared.notes():
        warnings.warn(note, stacklevel=3)
    with set_back(model, compared.buffers):
        yield from parts
