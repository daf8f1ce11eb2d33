"""The audit of activity that does not fit in memory, chunk by chunk in one pass; a model's activity in chunks."""

from __future__ import annotations

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
from repbias.audit.inputs import Missing, Settings, check_stimuli, refuse_below
from repbias.audit.intervals import CONFIDENCE
from repbias.audit.progress import AuditProgress
from repbias.audit.report import AuditReport, make_report
from repbias.audit.stream.layer import audit_sums
from repbias.audit.stream.plan import StreamPlan, stream_plan
from repbias.audit.stream.sums import Chunk, read_sums
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
    progress: bool = True,
) -> AuditReport:
    """Audit activity that comes in chunks and does not fit in memory, in one pass.

        report = repbias.audit_stream(repbias.stream_activity(model, loader, "blocks.*"), labels)

    The measures have the names and the meaning that they have in `audit_arrays`. Those of variance (`r2`, `r2_unique`,
    `r2_common`, `density_0.1`, `participation`, `rdm_share`, both R2 of units and components) use all stimuli, and all
    but `participation`, whose jackknife has other blocks, equal those of `audit_arrays` with the same folds, which up
    to 20,000 stimuli have. The differences are:

        intervals        of both R2: as wide as over a random sample of m stimuli, times sqrt(m / n); of density: with
                         standard errors from blocks of that sample, scaled alike
        decodability     of a shrinkage discriminant with equal priors, fitted on all stimuli of the other folds, and
                         scored on the sample, with 20 stimuli of each class at least, where there are as many; p is
                         that of `exchanged_p`
        p of r2, detectable_r2
                         from the distribution that permutations have for many stimuli, see `null_r2` and
                         `detectable_r2`
        false_positives  share of shuffled labels that this test detects, among 1,000 stimuli of the sample

    There are no groups, no repeats, and no scores of RSA and CKA.

    Memory does not grow with the number of stimuli, except for their labels. With u units, each layer takes 48 u^2
    bytes (folds, and their sum; half as much again during the analysis), 128 MB for stimuli that wait, and 4 u bytes
    for each stimulus of the sample. A pass takes about n u^2 multiplications; all layers are read together.

    Parameters
    ----------
    chunks : an iterable that is read once: arrays `[stimulus, unit]` of one layer, or mappings of layers to such
        arrays, NumPy or torch, float16, float32 or float64, with any number of stimuli in each, in the order of the
        labels.
    features : class labels of all stimuli by name, `[stimulus]` each, as in `audit_arrays`; or a data frame.
    seed : seed of folds, samples, resamples and planted features.
    resamples : number of bootstrap resamples, 100 or more.
    permutations : number of planted features, and of shuffled labels, 50 or more.
    missing : "refuse", or "drop" to leave out the stimuli that lack a label of any feature.
    sample : number of stimuli whose activity is kept, 1,000 or more.
    progress : whether to show how many stimuli were read, on standard error or in the notebook.

    Returns
    -------
    An `AuditReport`.

    Raises
    ------
    ValueError, TypeError : labels that `audit_arrays` refuses, before anything is read; chunks that are not
        `[stimulus, unit]`, not finite, empty, or have other layers or units than earlier ones; more or fewer stimuli
        than labels; values so large, compared with the first chunk, that their squares overflow.

    When not to use it: for activity that fits in memory, as `audit_arrays` permutes; for stimuli that are not
    independent (sessions, subjects, repeats), as there are no groups here: average what belongs together first, or
    audit a part of it with `audit_arrays` and groups; for a hundred stimuli or fewer of a class in activity with
    outliers, as p then depends on class sums being Gaussian.

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
    settings = Settings(seed, resamples, permutations, missing)
    refuse_below("sample", sample, LEAST_SAMPLE, "fewer do not determine the intervals")
    stimuli = check_stimuli(features, missing=missing)
    plan = stream_plan(stimuli, sample, seed)
    with AuditProgress(enabled=progress) as shown:
        layers = read_sums(chunks, plan, lambda read: shown.has_read_part(read, stimuli.n_given))
    n_units = {layer: len(sums.varies) for layer, sums in layers.items()}
    constant = {layer: ~sums.varies for layer, sums in layers.items()}
    silent = {layer: sums.silent for layer, sums in layers.items()}
    notes = (*stimuli.notes, *unit_notes(constant, silent), *_plan_notes(plan))
    found = {layer: audit_sums(layers.pop(layer), plan, resamples, permutations) for layer in n_units}
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

    Each part is float32 `[stimulus in batch, unit]` by layer, and nothing is kept. The model is in eval mode, and
    hooked, only while it runs; between batches it is as it was.

    Parameters, and what is refused, are those of `read_batches` and `Batches`; wrong settings are refused at
    once, the rest when it is read. Layers that differ in units between batches are refused by `audit_stream`.

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
    return iterate_batches(model, batches, names, pool, axes)
