"""`repbias list`: the studies, one line per study, or all about one of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from repbias.cli.options import optional

if TYPE_CHECKING:
    from rich.console import RenderableType

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
            rows = [{"name": one.name, "question": one.question, "domain": one.domain, "claims": claim_ids(one),
                     "cost": costs(one)} for one in studies]  # fmt: skip
            print(json.dumps(rows, indent=2, ensure_ascii=False))
        else:
            terminal.stdout().print(one_study(studies[0]) if self.study else all_studies())


def claim_ids(study: Study) -> list[str]:
    """Return the ids of a study's claims, each once; a question of the study's own has the study's name before it."""
    return list(dict.fromkeys(claim.name_in(study.name) for claim in study.claims))


def costs(study: Study) -> dict[str, int]:
    """Return about how many seconds each scale of a study takes on this machine."""
    from repbias.runs.plan import expected_seconds, make_plan, multiplication_rate

    rate = multiplication_rate()
    return {scale: round(expected_seconds(make_plan(study, scale), rate)) for scale in study.scales}


def all_studies() -> RenderableType:
    """Return one line per study, grouped by domain: name, title, claims of the literature."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from repbias.experiments.catalogue import CATALOGUE
    from repbias.studies import DOMAINS, NAMES, find_study

    parts: list[RenderableType] = []
    studies = {name: find_study(name) for name in NAMES}
    widths = max(map(len, studies)), max(len(study.title) for study in studies.values()), None
    for domain, names in DOMAINS.items():
        view = Table(box=None, pad_edge=False, show_header=False)
        for width in widths:
            view.add_column(width=width)
        for name in names:
            ids = [one for one in claim_ids(studies[name]) if one in CATALOGUE]
            view.add_row(Text(name), Text(studies[name].title), Text(" ".join(ids), style="dim"))
        parts += [Text(domain, style="bold"), view, Text()]
    return Group(*parts, Text("repbias list STUDY shows the rest: question, claims, conditions, cost, notes"))


def one_study(study: Study) -> RenderableType:
    """Return everything about one study, in paragraphs."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    from repbias.cli.progress import counted, duration

    seconds = costs(study)
    scales = [
        f"{name}: {counted(len(study.at(name)), 'condition')}, {counted(scale.seeds, 'seed')} each, "
        f"about {duration(seconds[name])} here"
        for name, scale in study.scales.items()
    ]
    claims = [f"{claim.name_in(study.name)}  {claim.statement}" for claim in study.claims]
    conditions = [condition.name for condition in study.conditions]
    parts: list[RenderableType] = [Text(f"{study.name} ({study.domain})", style="bold"), Text(study.question)]
    sections = {"Scales": scales, "Claims": claims, "Conditions": conditions, "Notes": study.notes}
    for heading, lines in sections.items():
        if lines:
            parts += [Text(f"\n{heading}", style="bold"), *(Padding(Text(line), (0, 0, 0, 2)) for line in lines)]
    return Group(*parts)
