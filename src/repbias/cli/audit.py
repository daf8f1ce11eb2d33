"""What `repbias audit` does: read files, audit, print the short table, write the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text
from torch import nn

from repbias.audit.files.arrays import check_out, read_arrays, read_inputs, read_mask
from repbias.audit.files.chunks import read_chunks
from repbias.audit.files.table import FeatureTable, read_features
from repbias.audit.report import AuditReport
from repbias.audit.summary import in_short, meanings
from repbias.core.functions import resolve_function
from repbias.measures.variance.result import ALL_FEATURES

_COLUMNS = """R2: share of the layer's variance; p: its permutation test, after Holm's correction
decoded: balanced accuracy of a linear probe; detectable: the smallest R2 found with 80 % power"""


@dataclass(frozen=True)
class AuditRequest:
    """What is asked of any audit, whatever is audited."""

    features: Path
    """A table with a row a stimulus and a column a feature."""

    out: Path
    """The page to write."""

    overwrite: bool = False
    """Whether a page that is there is replaced."""

    columns: tuple[str, ...] = ()
    """The columns that are features; all but the groups and repeats where none is named."""

    groups: str | None = None
    """The column of groups of stimuli."""

    repeats: str | None = None
    """The column of stimuli, where they were shown more than once."""

    missing: Literal["refuse", "drop"] = "refuse"
    """What to do with a stimulus without a label."""

    resamples: int = 500
    """Bootstrap resamples."""

    permutations: int = 200
    """Permutations of the labels."""

    seed: int = 0
    """Seed of everything random."""

    stream: bool = False
    """Whether activity is gone through once and never held whole."""


def audit_array_files(request: AuditRequest, arrays: Sequence[Path]) -> None:
    """Audit the responses that files hold; see `read_arrays`, or, for a stream, `read_chunks`.

    Raises
    ------
    ValueError : whatever is wrong with the files, their content, or where the page is to go; nothing is written then.
    """
    from repbias.audit.arrays import audit_arrays
    from repbias.audit.stream.audit import audit_stream

    if request.stream:
        _finish(request, lambda options: audit_stream(read_chunks(arrays), **options))
    else:
        _finish(request, lambda options: audit_arrays(read_arrays(arrays), **options))


def audit_model_files(
    request: AuditRequest,
    model: str,
    inputs: Path,
    layers: Sequence[str],
    *,
    predict: str | None = None,
    interventions: str = "both",
    attention_mask: Path | None = None,
    **reading: Any,
) -> None:
    """Audit the layers of a model for the inputs that a file holds.

    Parameters
    ----------
    model : ``package.module:function``, called without arguments; the current folder is searched too.
    inputs : see `repbias.audit.files.arrays.read_inputs`.
    layers : glob patterns of layers.
    predict : ``package.module:function``, from what the model returns to labels.
    interventions : "ablation", "steering", "both" or "none".
    attention_mask : a file with one array `[stimulus, token]`.
    reading : other keyword arguments of `repbias.audit.model.audit` that say how the layers are read.

    Raises
    ------
    ValueError : as `audit_array_files`, or a function that cannot be imported or fails, or a factory that makes no
        model.
    """
    from repbias.audit.causal.edits import KINDS
    from repbias.audit.model import audit
    from repbias.audit.stream.audit import audit_stream
    from repbias.audit.stream.model import stream_activity

    kinds = tuple(kind for kind in KINDS if interventions in (kind, "both"))

    def measure(options: dict[str, Any]) -> AuditReport:
        stimuli = read_inputs(inputs)
        mask = None if attention_mask is None else read_mask(attention_mask)
        made = _make_model(model)
        if request.stream:
            chunks = stream_activity(made, stimuli, list(layers), attention_mask=mask, **reading)
            return audit_stream(chunks, **options)
        reports = None if predict is None else _find_predict(predict)
        return audit(
            made,
            stimuli,
            layers=list(layers),
            predict=reports,
            interventions=kinds,
            attention_mask=mask,
            **reading,
            **options,
        )

    _finish(request, measure)


def short_table(report: AuditReport) -> Table:
    """Return the audit for the terminal: a line a layer and feature; p is that of R2, after Holm's correction."""
    view = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("layer", "feature"):
        view.add_column(name, overflow="fold", min_width=8)
    for name in ("R2 [95 % interval]", "p", "decoded", "chance", "detectable"):
        view.add_column(Text(name), justify="right", no_wrap=True)
    cells = {(row["layer"], row["feature"], row["measure"]): row for row in report.results.to_dict("records")}
    for layer in report.layers:
        for feature in (*report.features, ALL_FEATURES):
            r2 = cells[layer, feature, "r2"]
            share = f"{_number(r2['value'])} [{_number(r2['ci_low'])}, {_number(r2['ci_high'])}]"
            p = "<.001" if r2["p_holm"] < 0.001 else _number(r2["p_holm"])
            others = [
                _number(cells.get((layer, feature, measure), {}).get("value"))
                for measure in ("decodability", "chance", "detectable_r2")
            ]
            view.add_row(Text(layer), Text(feature), Text(share), p, *others)
    return view


def _finish(request: AuditRequest, measure: Callable[[dict[str, Any]], AuditReport]) -> None:
    """Read the features, audit, print, and write the page; what is wrong with the request is found first."""
    check_out(request.out, overwrite=request.overwrite)
    table = read_features(request.features, request.columns, request.groups, request.repeats)
    try:
        report = measure(_options(request, table))
    except TypeError as error:  # the audit's own word for what is of the wrong kind
        raise ValueError(str(error)) from error
    console = Console(soft_wrap=False, highlight=False)
    console.print(short_table(report))
    print(f"{_COLUMNS}\n")
    for sentence in report.sentences:
        console.print(f"- {sentence}", markup=False, soft_wrap=True)
    report.save(request.out)
    console.print(_in_short(report), markup=False, soft_wrap=True)
    print(f"page: {request.out}")


def _in_short(report: AuditReport) -> str:
    """The answer, and what its words mean: last, where a terminal is read."""
    answer = [f"  {feature}: {where}" for feature, where in in_short(report).items()]
    words = [f"  {word}: {meaning}" for word, meaning in meanings(report).items()]
    return "\n".join(["", "In short", *answer, "", "where", *words, ""])


def _options(request: AuditRequest, table: FeatureTable) -> dict[str, Any]:
    options: dict[str, Any] = {
        "features": table.features,
        "missing": request.missing,
        "resamples": request.resamples,
        "permutations": request.permutations,
        "seed": request.seed,
    }
    if not request.stream:
        options["groups"] = None if table.groups is None else table.groups.to_numpy()
        options["repeats"] = None if table.repeats is None else table.repeats.to_numpy()
    return options


def _find_predict(path: str) -> Callable[[Any], Any]:
    """Return the function of a model's output, which says of its own errors that they are its own."""
    predict = resolve_function("--predict", path)

    def guarded(output: Any) -> Any:
        try:
            return predict(output)
        except Exception as error:
            raise ValueError(f"--predict: {path!r} failed: {type(error).__name__}: {error}") from error

    return guarded


def _make_model(factory: str) -> nn.Module:
    make = resolve_function("--model", factory)
    try:
        model = make()
    except Exception as error:
        raise ValueError(f"--model: {factory!r} failed: {type(error).__name__}: {error}") from error
    if not isinstance(model, nn.Module):
        raise ValueError(f"--model: {factory!r} returned {type(model).__name__}; it must return a torch.nn.Module")
    return model


def _number(value: Any) -> str:
    return "-" if value is None or value != value else f"{value:z.3f}"
