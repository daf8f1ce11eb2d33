"""`repbias audit`: its options, and which of them belong together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from repbias.cli.options import optional

_OF_MODELS = ("pool", "batch_size", "device", "inputs", "layers", "predict", "reach", "attention_mask")


@dataclass(frozen=True)
class Audit:
    """Measure which features your representation over- and under-represents; write one page of HTML.

    Recordings or activations; the column `session` of labels.csv groups the stimuli and is not a feature:

    - repbias audit --arrays data.npz --features labels.csv --groups session --out audit.html

    A model, which the function `load` in my_code.py returns, with its inputs:

    - repbias audit --model my_code:load --inputs x.npy --layers 'blocks.*' --features labels.csv --out audit.html
    """

    features: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """A .csv or .parquet with one row per stimulus and one column per feature; empty cells are missing labels."""
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
    reach: Annotated[
        Literal["both", "ablation", "steering", "none"] | None, optional("{both,ablation,steering,none}")
    ] = None
    """Which interventions to make on each feature, by default both; each takes two passes per layer and feature."""
    attention_mask: Annotated[Path | None, optional("FILE")] = None
    """An array [stimulus, token], 0 at padding; by default the array 'attention_mask' of the inputs."""
    pool: Annotated[Literal["mean", "flatten", "first", "last"] | None, optional("{mean,flatten,first,last}")] = None
    """How a layer's tokens or positions are pooled; by default they are averaged."""
    batch_size: Annotated[int | None, optional("INT")] = None
    """Stimuli per forward pass; 256 by default."""
    device: Annotated[str | None, optional("DEVICE")] = None
    """Where the model runs, such as 'cuda'; by default the model is not moved."""
    columns: Annotated[tuple[str, ...], optional("NAME...")] = ()
    """The columns that are features; by default all but those of --groups and --repeats."""
    groups: Annotated[str | None, optional("NAME")] = None
    """The column of the session or subject of each stimulus; intervals and folds keep groups whole."""
    repeats: Annotated[str | None, optional("NAME")] = None
    """The column that identifies the stimulus of each row, if stimuli were presented more than once."""
    missing: Literal["refuse", "drop"] = "refuse"
    """What to do if labels are missing: refuse the table, or leave these stimuli out and report how many."""
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
        """Audit the arrays or the model, print the table, and write the page.

        Raises
        ------
        ValueError : options that do not belong together, or whatever is wrong with the files.
        """
        from repbias.cli.audit import AuditRequest, audit_array_files, audit_model_files

        request = AuditRequest(
            features=self.features, out=self.out, overwrite=self.overwrite, columns=self.columns, groups=self.groups,
            repeats=self.repeats, missing=self.missing, resamples=self.resamples, permutations=self.permutations,
            seed=self.seed, stream=self.stream,
        )  # fmt: skip
        self._refuse_in_stream()
        given = {name: getattr(self, name) for name in _OF_MODELS if getattr(self, name) not in (None, ())}
        if self.model is None:
            if given:
                name = next(iter(given)).replace("_", "-")
                raise ValueError(f"--{name} belongs to --model package.module:function; with --arrays leave it out")
            if not self.arrays:
                raise ValueError(
                    "name what to audit: --arrays data.npz, or --model package.module:function with --inputs"
                )
            audit_array_files(request, self.arrays)
        elif self.arrays:
            raise ValueError("--arrays and --model are two audits; name one of them")
        elif self.inputs is None or not self.layers:
            raise ValueError("--model needs --inputs FILE and --layers PATTERN, such as --layers 'blocks.*.mlp'")
        else:
            audit_model_files(request, self.model, **given)

    def _refuse_in_stream(self) -> None:
        """Refuse options that an audit in one pass cannot honour."""
        needs_all = [name for name in ("groups", "repeats", "predict", "reach") if getattr(self, name) is not None]
        if self.stream and needs_all:
            raise ValueError(f"--{needs_all[0]} needs all activity at hand: leave out --stream, or --{needs_all[0]}")
