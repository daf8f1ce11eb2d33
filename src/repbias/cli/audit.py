"""`repbias audit`: read files, audit, print a table and the conclusions, write the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from repbias.cli.options import optional
from repbias.core.functions import call_user_code, resolve_function

if TYPE_CHECKING:
    from torch import nn

    from repbias.audit.files.table import FeatureTable
    from repbias.audit.report import AuditReport

_OF_MODELS = ("pool", "batch_size", "device", "inputs", "layers", "predict", "interventions", "attention_mask", "axes")
_ROWS = ("groups", "repeats", "blocks", "order")
_NOT_IN_STREAMS = (*_ROWS, "predict", "interventions")
ROW_ORDER = "rows"


@dataclass(frozen=True)
class Audit:
    """Measure which features your representation over- and under-represents; write one page of HTML.

    Recordings or activations; the column `session` of labels.csv groups the stimuli and is not a feature:

    - repbias audit --arrays data.npz --features labels.csv --groups session --out audit.html

    A model, which the function `load` in my_code.py returns, with its inputs:

    - repbias audit --model my_code:load --inputs x.npy --layers 'blocks.*' --features labels.csv --out audit.html
    """

    features: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """A .csv or .parquet with one row per stimulus and one column per feature; labels in a .csv are text."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """The page to write; it ends in .html."""
    arrays: Annotated[tuple[Path, ...], optional("FILE...")] = ()
    """Responses [stimulus, unit]: .npz or .safetensors, an array per layer; .npy, .csv, .parquet, a file per layer."""
    model: Annotated[str | None, optional("MODULE:FUNCTION")] = None
    """A function without arguments that returns a torch.nn.Module; the current folder is searched, too."""
    inputs: Annotated[Path | None, optional("FILE")] = None
    """The model's inputs, stimuli first: one array, or several that are passed by name."""
    layers: Annotated[tuple[str, ...], optional("PATTERN...")] = ()
    """The model's layers to read, as patterns such as 'blocks.*.mlp'."""
    predict: Annotated[str | None, optional("MODULE:FUNCTION")] = None
    """A function from the model's output to labels by feature; interventions then measure what the model reports."""
    interventions: Annotated[
        Literal["both", "ablation", "steering", "none"] | None, optional("{both,ablation,steering,none}")
    ] = None
    """Which interventions to make on each feature, by default both; each takes two passes per layer and feature."""
    attention_mask: Annotated[Path | None, optional("FILE")] = None
    """An array [stimulus, token], 0 at padding; by default the array 'attention_mask' of the inputs."""
    pool: Annotated[Literal["mean", "flatten", "first", "last"] | None, optional("{mean,flatten,first,last}")] = None
    """How a layer's tokens or positions are pooled; by default they are averaged."""
    axes: Annotated[str | None, optional("NAMES")] = None
    """The names of all axes of the layers, such as 'stimulus channel time', if the units cannot be identified."""
    batch_size: Annotated[int | None, optional("INT")] = None
    """Stimuli per forward pass; 256 by default."""
    device: Annotated[str | None, optional("DEVICE")] = None
    """Where the model runs, such as 'cuda'; by default the model is not moved."""
    columns: Annotated[tuple[str, ...], optional("NAME...")] = ()
    """The columns that are features; by default all but those of --groups, --repeats, --blocks and --order."""
    groups: Annotated[str | None, optional("NAME")] = None
    """The column of the session or subject of each stimulus; intervals and folds keep groups whole."""
    repeats: Annotated[str | None, optional("NAME")] = None
    """The column that identifies the stimulus of each row, if stimuli were presented more than once."""
    blocks: Annotated[str | None, optional("NAME")] = None
    """The column of the block of each stimulus, such as ten trials; labels are exchanged between or within blocks."""
    order: Annotated[str | None, optional("NAME")] = None
    """The column that numbers the trials, or 'rows' for the order of the rows; labels are shifted along it."""
    categorical: Annotated[tuple[str, ...], optional("NAME...")] = ()
    """Features whose numbers name classes, though many occur once or are not whole."""
    continuous: Annotated[tuple[str, ...], optional("NAME...")] = ()
    """Features whose numbers have an order and a distance; NAME:spline describes their effect by splines."""
    circular: Annotated[tuple[str, ...], optional("NAME:PERIOD...")] = ()
    """Features that repeat after a period, such as orientation:180."""
    columns_of: Annotated[tuple[str, ...], optional("NAME=COLUMN,...")] = ()
    """Several columns as one feature, such as motion=m0..m31 or place=x,y."""
    missing: Literal["refuse", "drop"] = "refuse"
    """What to do if labels are missing: refuse the table, or leave these stimuli out and report how many."""
    missing_values: Annotated[tuple[str, ...], optional("WORD...")] = ()
    """Words that stand for a missing label in a .csv, such as NA; by default only empty cells do."""
    scale: Literal["none", "zscore", "noise"] = "none"
    """The scale of units: as recorded, of equal variance, or with white noise (needs --repeats)."""
    resamples: int = 500
    """Bootstrap resamples, for the intervals."""
    permutations: int = 200
    """Permutations of the labels, for the p values."""
    seed: int = 0
    """Seed of folds, resamples and permutations."""
    stream: bool = False
    """Read the activity once, in chunks, without holding all of it in memory (arrays as .npy)."""
    overwrite: bool = False
    """Replace an existing page."""

    def run(self) -> None:
        """Audit the arrays or the model, print the table and the conclusions, and write the page.

        Raises
        ------
        ValueError : options that do not belong together, or anything wrong with the files, their content, or the path
            of the page; nothing is written then.
        """
        from repbias.audit.files.table import read_features
        from repbias.cli import terminal

        self._refuse_options_that_do_not_fit()
        check_out(self.out, overwrite=self.overwrite)
        order = None if self.order == ROW_ORDER else self.order
        table = read_features(
            self.features, self.columns, self.groups, self.repeats, self.missing_values, self.blocks, order
        )
        try:
            report = self._of_arrays(table) if self.model is None else self._of_model(self.model, table)
        except TypeError as error:  # what an audit raises for input of the wrong kind
            raise ValueError(str(error)) from error
        console = terminal.stdout()
        console.print(terminal.audit_table(report))
        console.print(terminal.audit_columns(), markup=False, soft_wrap=True)
        for sentence in report.sentences:
            console.print(f"- {sentence}", markup=False, soft_wrap=True)
        report.save_html(self.out, overwrite=self.overwrite)
        console.print(terminal.audit_summary(report), markup=False, soft_wrap=True)
        print(f"page: {self.out}")

    def _of_arrays(self, table: FeatureTable) -> AuditReport:
        from repbias.audit.arrays import audit_arrays
        from repbias.audit.files.arrays import read_arrays, read_chunks
        from repbias.audit.stream.audit import audit_stream

        if self.stream:
            return audit_stream(read_chunks(self.arrays), **self._options(table))
        return audit_arrays(read_arrays(self.arrays), **self._options(table))

    def _of_model(self, factory: str, table: FeatureTable) -> AuditReport:
        from repbias.audit.causal.edits import KINDS
        from repbias.audit.files.arrays import read_inputs, read_mask
        from repbias.audit.model import audit
        from repbias.audit.stream.audit import audit_stream, stream_activity

        assert self.inputs is not None  # checked by `_refuse_options_that_do_not_fit`
        reading = {name: getattr(self, name) for name in ("pool", "axes", "batch_size", "device")}
        reading = {name: value for name, value in reading.items() if value is not None}
        reading["attention_mask"] = None if self.attention_mask is None else read_mask(self.attention_mask)
        stimuli, model, layers = read_inputs(self.inputs), _make_model(factory), list(self.layers)
        if self.stream:
            return audit_stream(stream_activity(model, stimuli, layers, **reading), **self._options(table))
        predict = None if self.predict is None else _find_predict(self.predict)
        kinds = tuple(kind for kind in KINDS if self.interventions in (None, "both", kind))
        return audit(
            model, stimuli, layers=layers, predict=predict, interventions=kinds, **reading, **self._options(table)
        )

    def _options(self, table: FeatureTable) -> dict[str, Any]:
        from repbias.audit.files.kinds import FeatureKinds

        kinds = FeatureKinds(self.categorical, self.continuous, self.circular, self.columns_of)
        options = {name: getattr(self, name) for name in ("missing", "scale", "resamples", "permutations", "seed")}
        rows = {} if self.stream else {name: getattr(table, name) for name in _ROWS}
        columns = {name: None if column is None else column.to_numpy() for name, column in rows.items()}
        if self.order == ROW_ORDER:
            columns["order"] = True
        return {"features": kinds.of(table.features), **options, **columns}

    def _refuse_options_that_do_not_fit(self) -> None:
        in_memory, of_models = self._given(_NOT_IN_STREAMS), self._given(_OF_MODELS)
        if self.stream and in_memory:
            raise ValueError(f"{in_memory[0]} needs all activity in memory: leave out --stream, or {in_memory[0]}")
        if self.model is None and of_models:
            raise ValueError(f"{of_models[0]} belongs to --model package.module:function; with --arrays leave it out")
        if self.model is None and not self.arrays:
            raise ValueError("name what to audit: --arrays data.npz, or --model package.module:function with --inputs")
        if self.model is not None and self.arrays:
            raise ValueError("--arrays and --model are two audits; name one of them")
        if self.model is not None and (self.inputs is None or not self.layers):
            raise ValueError("--model needs --inputs FILE and --layers PATTERN, such as --layers 'blocks.*.mlp'")

    def _given(self, names: Sequence[str]) -> list[str]:
        """Return those of the options that are set, as they are typed."""
        return [f"--{name.replace('_', '-')}" for name in names if getattr(self, name) not in (None, ())]


def check_out(path: Path, *, overwrite: bool) -> None:
    """Refuse a page that cannot be written, or that would replace a file, before anything is computed.

    Raises
    ------
    ValueError : not an ``.html`` file, no such folder, or a file that exists and may not be overwritten.
    """
    from repbias.report.pages import check_page_path

    check_page_path(path, overwrite=True)
    if not path.parent.is_dir():
        raise ValueError(f"cannot write {path}: there is no folder {path.parent}")
    if path.exists() and not overwrite:
        raise ValueError(f"{path} exists already; name another file, or add --overwrite")


def _find_predict(path: str) -> Callable[[Any], Any]:
    """Return the function that reads labels from a model's output; its errors name --predict."""
    predict = resolve_function("--predict", path)
    return lambda output: call_user_code(f"--predict {path!r}", predict, output)


def _make_model(factory: str) -> nn.Module:
    from torch import nn

    model = call_user_code(f"--model {factory!r}", resolve_function("--model", factory))
    if not isinstance(model, nn.Module):
        raise ValueError(f"--model: {factory!r} returned {type(model).__name__}; it must return a torch.nn.Module")
    return model
