"""The command line: words in, one call each. Everything heavy is imported when a command runs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from repbias.core.functions import look_here

_ABOUT = "What does a representation over- and under-represent, and why?"
DEFAULT_STORE = Path("repbias-store")
Words = tyro.conf.Positional[tuple[str, ...]]


def _optional(metavar: str, help: str | None = None) -> object:
    """An option whose help says what happens without it, so that no "(default: None)" follows."""
    return tyro.conf.arg(metavar=metavar, help=help, help_behavior_hint="")


Scale = Annotated[
    Literal["quick", "full"] | None,
    _optional("{quick,full}", "Which scale; by default the largest that was run."),
]
StorePath = Annotated[Path, tyro.conf.arg(metavar="DIR", help="The store: the folder that holds runs and reports.")]


@dataclass(frozen=True)
class List:
    """List the studies: what each asks, the claims it bears on, and about what it costs on this machine."""

    json: bool = False
    """Print JSON instead of a table."""


@dataclass(frozen=True)
class Run:
    """Train what is missing, measure, print the claims, then write figures, numbers and the page."""

    studies: Annotated[Words, _optional("STUDY...", "Names of studies (see `repbias list`), 'all', or TOML files.")]
    scale: Literal["quick", "full"] = "quick"
    """How much of the study: a first look, or all conditions and seeds."""
    seeds: Annotated[int | None, _optional("INT")] = None
    """Networks of each condition (seeds 0, 1, ...), instead of the scale's own number."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train."""
    store: StorePath = DEFAULT_STORE
    strict: bool = False
    """Exit with status 1 where a claim is not replicated in every condition."""
    remake: bool = False
    """Delete damaged runs and make them again."""


@dataclass(frozen=True)
class Report:
    """Write figures, numbers and pages again from a store, without training; without names, also the scorecard."""

    studies: Annotated[Words, _optional("STUDY...", "Names of studies; by default all in the store.")] = ()
    scale: Scale = None
    store: StorePath = DEFAULT_STORE


@dataclass(frozen=True)
class Claims:
    """Print the scorecard of a store, then every claim condition by condition, without training."""

    json: bool = False
    """Print a JSON list of objects."""
    scale: Scale = None
    store: StorePath = DEFAULT_STORE


@dataclass(frozen=True)
class Table:
    """Write a study's tidy table (study, condition, network, step, layer, feature, measure, value) to a file."""

    study: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="STUDY")]
    out: Annotated[Path, tyro.conf.arg(metavar="FILE", help="Where to: a file that ends in .csv or .parquet.")]
    scale: Scale = None
    store: StorePath = DEFAULT_STORE


@dataclass(frozen=True)
class Render:
    """Write images as PNG files, with labels.csv and contact_sheet.png; the same command completes a half-done one."""

    images: Annotated[tyro.conf.Positional[Literal["trifeature"]], tyro.conf.arg(metavar="{trifeature}")]
    """What to render: Trifeature images (Hermann & Lampinen 2020)."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR", help="Where to: a new or empty folder.")]
    size: int = 224
    """Pixels a side."""
    renderings: int = 10
    """Images of each combination of classes."""
    seed: int = 0
    """Another seed gives other rotations, places and textures."""
    factors: tuple[str, ...] = ("shape", "texture", "colour")
    """What is crossed: any of shape, texture, colour, rotation, position, size, background, number, relation."""


@dataclass(frozen=True)
class Audit:
    """Ask which features a representation that you bring shouts and which it whispers; write one page of HTML.

    Recordings or activations, with a column of labels.csv that is no feature but says the session:

    - repbias audit --arrays data.npz --features labels.csv --groups session --out audit.html

    A model, which the function `load` in my_code.py returns, and its inputs:

    - repbias audit --model my_code:load --inputs x.npy --layers 'blocks.*' --features labels.csv --out audit.html
    """

    features: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """A .csv or .parquet with a row a stimulus and a column a feature; empty cells are missing labels."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """Where to: a file that ends in .html."""
    arrays: Annotated[tuple[Path, ...], _optional("FILE...")] = ()
    """Responses [stimulus, unit]: .npz or .safetensors, a layer an array; .npy, .csv or .parquet, a layer a file."""
    model: Annotated[str | None, _optional("MODULE:FUNCTION")] = None
    """A function without arguments that returns a torch.nn.Module; found from the current folder."""
    inputs: Annotated[Path | None, _optional("FILE")] = None
    """The model's inputs, stimuli first: one array; or several, passed by their names."""
    layers: Annotated[tuple[str, ...], _optional("PATTERN...")] = ()
    """The model's layers to read, as patterns such as 'blocks.*.mlp'."""
    predict: Annotated[str | None, _optional("MODULE:FUNCTION")] = None
    """A function from what the model returns to labels by feature: erasing and steering then ask what is reported."""
    interventions: Annotated[
        Literal["both", "ablation", "steering", "none"] | None, _optional("{both,ablation,steering,none}")
    ] = None
    """Whether each feature is erased, steered, or both (the default): each takes two passes per layer and feature."""
    attention_mask: Annotated[Path | None, _optional("FILE")] = None
    """An array [stimulus, token], 0 at padding; by default the inputs' own 'attention_mask'."""
    pool: Annotated[Literal["mean", "flatten", "first", "last"] | None, _optional("{mean,flatten,first,last}")] = None
    """What becomes of a layer's tokens or positions: their mean by default."""
    axes: Annotated[str | None, _optional("NAMES")] = None
    """Names of all axes of the layers, where their units cannot be told, such as 'stimulus channel time'."""
    batch_size: Annotated[int | None, _optional("INT")] = None
    """Stimuli that the model is given at once; 256 by default."""
    device: Annotated[str | None, _optional("DEVICE")] = None
    """Where the model runs, such as 'cuda'; by default where it is."""
    columns: Annotated[tuple[str, ...], _optional("NAME...")] = ()
    """The columns that are features; by default all but those of --groups and --repeats."""
    groups: Annotated[str | None, _optional("NAME")] = None
    """The column that says to which session or subject a stimulus belongs: intervals and folds keep groups whole."""
    repeats: Annotated[str | None, _optional("NAME")] = None
    """The column that says which stimulus each row is a presentation of, where stimuli were shown more than once."""
    missing: Literal["refuse", "drop"] = "refuse"
    """What to do where a label is missing: refuse, or leave the stimulus out and say how many were."""
    resamples: int = 500
    """Bootstrap resamples, for the intervals."""
    permutations: int = 200
    """Permutations of the labels, for the p values."""
    seed: int = 0
    """Seed of folds, resamples and permutations."""
    stream: bool = False
    """Go through the activity once, without ever holding it: for what does not fit in memory (arrays as .npy)."""
    overwrite: bool = False
    """Replace a page that is there."""


_OF_MODELS = ("pool", "axes", "batch_size", "device", "inputs", "layers", "predict", "interventions", "attention_mask")

Command = List | Run | Report | Claims | Table | Render | Audit


def main() -> None:
    """Parse the command line, do what it says, and exit: 0 done, 1 not replicated, 2 wrong input, 130 interrupted."""
    command = tyro.cli(Command, prog="repbias", description=_ABOUT, config=(tyro.conf.FlagCreatePairsOff,))
    look_here()
    try:
        sys.exit(_do(command))
    except (ValueError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept, and the same command goes on with the rest", file=sys.stderr)
        sys.exit(130)


def _do(command: Command) -> int:
    from repbias.cli import commands

    match command:
        case List():
            commands.print_studies(as_json=command.json)
        case Run():
            return commands.run_and_print(
                command.studies, command.scale, command.seeds, command.device, command.store, command.remake,
                strict=command.strict,
            )  # fmt: skip
        case Report():
            commands.report_and_print(command.store, command.studies, command.scale)
        case Claims():
            commands.print_claims(command.store, command.scale, as_json=command.json)
        case Table():
            commands.write_table(command.store, command.study, command.out, command.scale)
        case Render():
            _render(command)
        case Audit():
            _audit(command)
    return 0


def _audit(command: Audit) -> None:
    from repbias.cli.audit import AuditRequest, audit_array_files, audit_model_files

    request = AuditRequest(
        features=command.features, out=command.out, overwrite=command.overwrite, columns=command.columns,
        groups=command.groups, repeats=command.repeats, missing=command.missing, resamples=command.resamples,
        permutations=command.permutations, seed=command.seed, stream=command.stream,
    )  # fmt: skip
    _refuse_in_stream(command)
    given = {name: getattr(command, name) for name in _OF_MODELS if getattr(command, name) not in (None, ())}
    if command.model is None:
        if given:
            name = next(iter(given)).replace("_", "-")
            raise ValueError(f"--{name} belongs to --model package.module:function; with --arrays leave it out")
        if not command.arrays:
            raise ValueError("name what to audit: --arrays data.npz, or --model package.module:function with --inputs")
        audit_array_files(request, command.arrays)
    elif command.arrays:
        raise ValueError("--arrays and --model are two audits; name one of them")
    elif command.inputs is None or not command.layers:
        raise ValueError("--model needs --inputs FILE and --layers PATTERN, such as --layers 'blocks.*.mlp'")
    else:
        audit_model_files(request, command.model, **given)


def _refuse_in_stream(command: Audit) -> None:
    """Refuse what an audit in one pass cannot do."""
    needs_all = [
        name for name in ("groups", "repeats", "predict", "interventions") if getattr(command, name) is not None
    ]
    if command.stream and needs_all:
        raise ValueError(f"--{needs_all[0]} needs all activity at hand: leave out --stream, or --{needs_all[0]}")


def _render(command: Render) -> None:
    from pydantic import ValidationError

    from repbias.core.specs import explain
    from repbias.tasks.images.rendering import Rendering, render

    try:
        rendering = Rendering(
            factors=command.factors, size=command.size, renderings=command.renderings, seed=command.seed
        )
    except ValidationError as error:
        raise ValueError(explain(error, "repbias render")) from error
    print(f"{render(rendering, command.out):,} images: {command.out}")
