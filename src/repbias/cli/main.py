"""The command line: words in, one call each. Everything heavy is imported when a command runs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from repbias.cli.audit import Audit
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
    """Exit with status 1 unless every claim is replicated, by its primary conditions."""
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
    """Print a JSON list of objects: one per row, with the columns of the claims table, `headline` and `scorecard`."""
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


Command = List | Run | Report | Claims | Table | Render | Audit


def main() -> None:
    """Parse the command line, run it, exit: 0 done, 1 not replicated (--strict), 2 wrong input, 130 stopped."""
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
            command.run()
    return 0


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
