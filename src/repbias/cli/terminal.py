"""What commands print: studies, the scorecard, claims, and audits."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from repbias.audit.measures import R2, all_measures
from repbias.audit.report import AuditReport
from repbias.audit.status import meanings, summary
from repbias.core.progress import duration
from repbias.core.results import ALL_FEATURES
from repbias.experiments import scorecard as scoring
from repbias.experiments.catalogue import CATALOGUE
from repbias.experiments.families import BEYOND, PRIMARY, headlines, qualification
from repbias.experiments.study import Study
from repbias.experiments.verdicts import AGAINST
from repbias.figures.select import count_range, span
from repbias.runs.progress import counted

_STYLES = {"replicated": "green", **dict.fromkeys(AGAINST, "red"), "mixed": "yellow"}


def stdout() -> Console:
    """Return a console on standard output that prints names as they are."""
    return Console(soft_wrap=False, highlight=False)


def claim_ids(study: Study) -> list[str]:
    """Return the ids of a study's claims, each once; a further question has the study's name before it."""
    return list(dict.fromkeys(claim.name_in(study.name) for claim in study.claims))


def all_studies(studies: Sequence[Study]) -> Group:
    """Return one line per study, grouped by domain: name, title, claims of the literature."""
    parts: list[RenderableType] = []
    widths = max(len(study.name) for study in studies), max(len(study.title) for study in studies), None
    for domain in dict.fromkeys(study.domain for study in studies):
        view = Table(box=None, pad_edge=False, show_header=False)
        for width in widths:
            view.add_column(width=width)
        for study in (one for one in studies if one.domain == domain):
            ids = " ".join(one for one in claim_ids(study) if one in CATALOGUE)
            view.add_row(Text(study.name), Text(study.title), Text(ids, style="dim"))
        parts += [Text(domain, style="bold"), view, Text()]
    return Group(*parts, Text("repbias list STUDY shows the rest: question, claims, conditions, cost, notes"))


def one_study(study: Study, seconds: Mapping[str, float]) -> Group:
    """Return everything about one study, in paragraphs; `seconds` are what its scales cost here."""
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


def scorecard(table: pd.DataFrame) -> Group:
    """Return the scorecard of a claims table: for each claim its verdict, then a line per study with effects and n."""
    scores = scoring.scorecard(table)
    parts: list[RenderableType] = []
    for score in scores:
        if not score.studies and not score.further:
            continue
        if score.claim is None:
            parts.append(Text("Questions that bear on no claim of the catalogue", style="bold"))
        else:
            parts.append(Text(f"{score.claim.id}  {score.claim.statement}", style="bold"))
            parts.append(Padding(Text(score.sentence, style=_STYLES.get(score.verdict, "")), (0, 0, 0, 4)))
        parts.append(_studies_of(score.studies, ""))
        parts.append(_studies_of(score.further, "further: " if score.claim else ""))
    if not parts:
        return Group(Text("no claims were tested"))
    left = sum(score.claim is not None and not score.studies for score in scores)
    return Group(
        *parts, Text(), Text(f"{left} claims of the catalogue were not studied. {scoring.chance_sentence(scores)}")
    )


def _studies_of(found: Sequence[scoring.StudyScore], lead: str) -> RenderableType:
    if not found:
        return Group()
    view = Table(box=None, pad_edge=False, show_header=False)
    view.add_column("study")
    view.add_column("verdict", no_wrap=True)
    view.add_column("effect", justify="right")
    view.add_column("n", justify="right", no_wrap=True)
    for one in found:
        primary = one.rows[one.rows["family"] == PRIMARY]
        parts = [part["estimate"] for _, part in primary.groupby(["statement", "statistic"], sort=False)]
        effect = "; ".join(span(_number(part.min()), _number(part.max())) for part in parts)
        n = f"{count_range(primary['n'])} of {primary['n_planned'].max()}" if parts else "-"
        name = one.id if "/" in one.id else one.study
        view.add_row(
            Text(f"{lead}{name} ({one.scale})"), Text(one.verdict, style=_STYLES.get(one.verdict, "")), effect, f"n {n}"
        )
    return Padding(view, (0, 0, 0, 4))


def claims(table: pd.DataFrame) -> Group:
    """Return the claims of a study for the terminal: each part with its statistic, and a line per condition or group.

    A claim's verdict is printed before its first part.
    """
    verdicts = {(row["study"], row["id"]): row for row in headlines(table).to_dict("records")}
    parts: list[RenderableType] = []
    for _, claim in table.groupby(["study", "id"], sort=False):
        study, name = str(claim["study"].iloc[0]), str(claim["id"].iloc[0])
        parts.append(_headline(name, study, verdicts.get((study, name))))
        for (statement, statistic), rows in claim.groupby(["statement", "statistic"], sort=False):
            parts += [Padding(Group(Text(str(statement)), Text(str(statistic), style="dim")), (0, 0, 0, 2))]
            parts += [_condition_rows(rows), Text()]
    return Group(*parts, *_LEGEND) if parts else Group(Text("no claims are stated"))


_LEGEND = (
    Text("finds: the smallest true effect that would be called replicated in 80 % of repetitions", style="dim"),
    Text("needs: the seeds that would find twice the smallest effect of interest (SESOI) in 80 %", style="dim"),
)


def _headline(name: str, study: str, found: dict[Hashable, Any] | None) -> Text:
    own = f"  {study}" if "/" not in name else ""
    if found is None:
        return Text.assemble((name, "bold"), (own, "dim"), "  descriptive")
    counts = "; ".join(filter(None, (found["tally"], found["beyond"])))
    verdict = (found["verdict"], _STYLES.get(found["verdict"], ""))
    return Text.assemble((name, "bold"), (own, "dim"), "  ", verdict, (f"  ({counts})", "dim"))


def _condition_rows(rows: pd.DataFrame) -> Padding:
    sesoi = rows["sesoi"].iloc[0]
    view = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    test = "" if rows["test"].iloc[0] == "larger" else f", {rows['test'].iloc[0]}"
    view.add_column(f"SESOI {sesoi:g}{test}" if pd.notna(sesoi) else "")
    for name in ("mean", "95 % interval", "n", "finds", "needs"):
        view.add_column(name, justify="right", no_wrap=True)
    view.add_column("verdict")
    for row in rows.to_dict("records"):
        view.add_row(*_cells(row))
    if (rows["family"] == BEYOND).any():
        view.add_row(Text("* not primary", style="dim"))
    return Padding(view, (0, 0, 0, 2))


def _cells(row: dict[Hashable, Any]) -> Iterator[str | Text]:
    yield Text(f"{row['condition']}{' *' if row['family'] == BEYOND else ''}")
    yield _number(row["estimate"])
    yield Text(f"{_number(row['ci_low'])}, {_number(row['ci_high'])}")
    yield f"{row['n']}/{row['n_planned']}"
    yield "-" if pd.isna(row["detectable"]) else f"{row['detectable']:.3f}"
    yield "-" if pd.isna(row["seeds_needed"]) else f"{row['seeds_needed']:.0f}"
    note = qualification(row["verdict"], row["note"], row["corrected"])
    verdict = (row["verdict"] or "descriptive", _STYLES.get(row["verdict"], ""))
    yield Text.assemble(verdict, f", {note}" if note else "")


def _number(value: Any) -> str:
    if value is None or pd.isna(value):
        return "-"
    return f"{value:+.3f}" if math.isfinite(value) else f"{value:+}"


def audit_table(report: AuditReport) -> Table:
    """Return the audit for the terminal: a line per layer and feature; p is that of R2, after Holm's correction."""
    shown = [measure for measure in all_measures() if measure.short]
    view = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("layer", "feature"):
        view.add_column(name, overflow="fold", min_width=8)
    for measure in shown:
        headings = [f"{measure.short} [95 % interval]", "p"] if measure is R2 else [measure.short]
        for heading in headings:
            view.add_column(Text(heading), justify="right", no_wrap=True)
    cells = {(row["layer"], row["feature"], row["measure"]): row for row in report.results.to_dict("records")}
    for layer in report.layers:
        for feature in (*report.features, ALL_FEATURES):
            texts: list[str] = []
            for measure in shown:
                row = cells.get((layer, feature, measure.name), {})
                value = _share(row.get("value"))
                if measure is R2:
                    p = "<.001" if row["p_holm"] < 0.001 else _share(row["p_holm"])
                    texts += [f"{value} [{_share(row['ci_low'])}, {_share(row['ci_high'])}]", p]
                else:
                    texts.append(value)
            view.add_row(*(Text(text) for text in (layer, feature, *texts)))
    return view


def audit_columns() -> str:
    """Return what the columns of `audit_table` mean."""
    shown = [f"{measure.short}: {measure.meaning}" for measure in all_measures() if measure.short]
    return "\n".join([*shown, "p: that of R2, after Holm's correction", ""])


def audit_summary(report: AuditReport) -> str:
    """Return the status of each feature, and what these words mean; printed last, it is visible when a command ends."""
    statuses = report.statuses()
    lines = [f"  {feature}: {status}" for feature, status in summary(statuses).items()]
    words = [f"  {word}: {meaning}" for word, meaning in meanings(statuses).items()]
    return "\n".join(["", "Summary", *lines, "", "where", *words, ""])


def _share(value: Any) -> str:
    return "-" if value is None or value != value else f"{value:z.3f}"
