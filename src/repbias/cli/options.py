"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

DEFAULT_STORE = Path("repbias-store")
Words = tyro.conf.Positional[tuple[str, ...]]


def optional(metavar: str, help: str | None = None) -> object:
    """Return the settings of an option whose help says what its default does, so that none is appended."""
    return tyro.conf.arg(metavar=metavar, help=help, help_behavior_hint="")


Scale = Annotated[
    Literal["quick", "full"] | None,
    optional("{quick,full}", "Which scale; by default the largest that was run."),
]
StorePath = Annotated[Path, tyro.conf.arg(metavar="DIR", help="The store: the folder that holds runs and reports.")]
