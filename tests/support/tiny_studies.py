"""Studies that train in a fraction of a second on one thread, as text, file, and object."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from repbias.experiments.study import Study

CONDITION = """
[[conditions]]
name = "{name}"
factors = {{steps = "{steps}"}}
task = {{features = {{easy = "copy", hard = "and"}}, bits = {bits}, train = 512, validation = 128, test = 128}}
model = {{widths = [16, 16]}}
training = {{optimizer = {{{optimizer}}}, batch = 64, phases = [{{until = "steps", steps = {steps}}}]}}
measures = {{{measures}}}
steps = {steps}
"""
CLAIM = """
[[claims]]
id = "{id}"
statement = "The copy explains more than the conjunction"
sesoi = {sesoi}
contrast = {{kind = "difference", more = "easy", less = "hard"}}
"""


def study_text(
    steps: dict[str, int] | None = None,
    *,
    seeds: int = 3,
    claims: dict[str, float] | None = None,
    bits: int = 12,
    optimizer: str = 'kind = "adam", lr = 0.01',
    measures: str = "",
) -> str:
    """Return a study as TOML.

    `steps` names the conditions with their lengths, `claims` the claims with their smallest effects of interest.
    """
    conditions = [
        CONDITION.format(name=name, steps=count, bits=bits, optimizer=optimizer, measures=measures)
        for name, count in (steps or {"short": 60}).items()
    ]
    stated = [CLAIM.format(id=id, sesoi=sesoi) for id, sesoi in (claims or {"T1": 0.001}).items()]
    lead = f'question = "Is the copy favoured?"\n\n[scales.quick]\nseeds = {seeds}\n'
    return "".join([lead, *conditions, *stated])


def write_study(path: Path, **settings: Any) -> Path:
    """Write a study to a TOML file; return the path."""
    path.write_text(study_text(**settings), encoding="utf-8")
    return path


def make_study(name: str = "tiny", **settings: Any) -> Study:
    """Return a study."""
    return Study.model_validate({"name": name, **tomllib.loads(study_text(**settings))})
