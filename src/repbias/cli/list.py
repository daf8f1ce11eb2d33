"""`repbias list`: the studies, one line per study, or everything about one of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from repbias.cli.options import optional

if TYPE_CHECKING:
    from repbias.experiments.study import Study


@dataclass(frozen=True)
class List:
    """List the studies by domain; with a name, show its question, claims, conditions, notes and what it costs here."""

    study: Annotated[tyro.conf.Positional[str | None], optional("[STUDY]", "The name of a study, or a TOML file.")] = (
        None
    )
    json: bool = False
    """Print JSON: name, question, domain, claims and expected seconds at each scale."""

    def run(self) -> None:
        """Print the list, or one study.

        Raises
        ------
        ValueError : no study of that name.
        """
        from repbias.cli import terminal
        from repbias.studies import NAMES, find_study

        studies = [find_study(name) for name in ([self.study] if self.study else NAMES)]
        if self.json:
            rows = [{"name": one.name, "question": one.question, "domain": one.domain,
                     "claims": terminal.claim_ids(one), "cost": costs(one)} for one in studies]  # fmt: skip
            print(json.dumps(rows, indent=2, ensure_ascii=False))
        elif self.study:
            terminal.stdout().print(terminal.one_study(studies[0], costs(studies[0])))
        else:
            terminal.stdout().print(terminal.all_studies(studies))


def costs(study: Study) -> dict[str, int]:
    """Return about how many seconds each scale of a study takes on this machine."""
    from repbias.runs.plan import expected_seconds, make_plan, multiplication_rate

    rate = multiplication_rate()
    return {scale: round(expected_seconds(make_plan(study, scale), rate)) for scale in study.scales}
