"""The scorecard: every claim, what each study of a store found of it, and the page that shows them."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from repbias.experiments.catalogue import PAPER_CLAIMS, PaperClaim
from repbias.experiments.study import Claim
from repbias.experiments.verdicts import VERDICT_RULE, combine
from repbias.report.claim_views import number
from repbias.report.figures.figure import numbers_as_csv
from repbias.report.figures.select import claim_parts, natural
from repbias.report.figures.style import formula
from repbias.report.files import write_whole
from repbias.report.links import beside, csv_link
from repbias.report.study_report import report_folder
from repbias.report.study_tables import claims_with_kind
from repbias.report.templates import render
from repbias.report.views import VerdictView, joined, verdict_view
from repbias.runs.results import StudyResult

_NOT_STUDIED = VerdictView("not studied yet", "none", "–")


@dataclass(frozen=True)
class FindingView:
    """One part of a claim in one study: what was tested, and over all its conditions the ranges of the numbers."""

    statement: str
    statistic: str
    verdict: VerdictView
    where: str
    effect: str
    interval: str
    smallest: str
    n: str


@dataclass(frozen=True)
class StudyRowView:
    """What one study found of a claim; `link` leads to the claim on the study's page."""

    study: str
    link: str
    scale: str
    verdict: VerdictView
    findings: list[FindingView]


@dataclass(frozen=True)
class ScoreView:
    """One claim of the scorecard, with the verdict over all studies."""

    anchor: str
    id: str
    statement: str
    strength: str
    verdict: VerdictView
    studies: list[StudyRowView]


def write_scorecard(results: Sequence[StudyResult], root: Path) -> Path:
    """Write the page of all claims beside the studies' pages, `reports/index.html`; return its path.

    Claims that no study has tested are listed as not studied yet; claims that are not the paper's come last.

    Parameters
    ----------
    results : every study that was run into the store.
    root : the store's folder.
    """
    path = root / "reports" / "index.html"
    scores = score_views(results, path, root)
    claims = pd.concat([claims_with_kind(result) for result in results], ignore_index=True)
    html = render(
        "scorecard.html.jinja",
        scores=scores,
        summary=_summary(scores),
        studies=[_study(result, path, root) for result in results],
        claims_csv=csv_link("claims", numbers_as_csv(claims)),
        verdict_rule=VERDICT_RULE,
        written=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    return write_whole(path, html)


def score_views(results: Sequence[StudyResult], path: Path, root: Path) -> list[ScoreView]:
    """Every claim in order, with what each study found of it."""
    known = {claim.id: claim for claim in PAPER_CLAIMS}
    stated = {claim.id: claim for result in results for claim in result.plan.study.claims}
    others = [
        PaperClaim(name, stated[name].statement, stated[name].strength)
        for name in sorted(set(stated) - set(known), key=natural)
    ]
    return [_score(place, claim, results, path, root) for place, claim in enumerate([*known.values(), *others])]


def _score(place: int, claim: PaperClaim, results: Sequence[StudyResult], path: Path, root: Path) -> ScoreView:
    found = [(result, result.claims[result.claims["id"] == claim.id]) for result in results]
    found = [(result, rows) for result, rows in found if not rows.empty]
    verdicts = [verdict for _, rows in found for verdict in rows["verdict"]]
    return ScoreView(
        anchor=f"claim-{place}",
        id=claim.id,
        statement=claim.statement,
        strength=claim.strength,
        verdict=verdict_view(combine(verdicts)) if found else _NOT_STUDIED,
        studies=[_row(result, rows, path, root) for result, rows in found],
    )


def _row(result: StudyResult, rows: pd.DataFrame, path: Path, root: Path) -> StudyRowView:
    claims = {(one.statement, one.describe()): one for one in result.plan.study.claims}
    return StudyRowView(
        study=result.plan.study.name,
        link=_link(result, path, root),
        scale=result.plan.scale,
        verdict=verdict_view(combine(rows["verdict"].tolist())),
        findings=[
            _finding(part, claims[part["statement"].iloc[0], part["statistic"].iloc[0]]) for part in claim_parts(rows)
        ],
    )


def _finding(rows: pd.DataFrame, claim: Claim) -> FindingView:
    smallest = number(claim.sesoi)
    several = "conditions" if claim.compare is None else "comparisons"
    return FindingView(
        statement=claim.statement,
        statistic=formula(claim.describe()),
        verdict=verdict_view(combine(rows["verdict"].tolist())),
        where=f"{len(rows)} {several}" if len(rows) > 1 else str(rows["condition"].iloc[0]),
        effect=_range(rows["estimate"], rows["estimate"]) or "not estimated",
        interval=_range(rows["ci_low"], rows["ci_high"]) or "–",
        smallest=f"within ±{smallest}" if claim.equivalent else smallest,
        n=_counts(rows),
    )


def _range(low: pd.Series, high: pd.Series) -> str:
    """From the smallest to the largest number that is known."""
    if not (low.notna().any() and high.notna().any()):
        return ""
    least, most = number(float(low.min())), number(float(high.max()))
    return least if least == most else f"{least} to {most}"


def _counts(rows: pd.DataFrame) -> str:
    low, high, planned = int(rows["n"].min()), int(rows["n"].max()), int(rows["n_planned"].max())
    return f"{low if low == high else f'{low}–{high}'} of {planned}"


def _link(result: StudyResult, path: Path, root: Path) -> str:
    return beside(path, report_folder(root, result) / "index.html")


def _study(result: StudyResult, path: Path, root: Path) -> dict[str, str]:
    study = result.plan.study
    ids = list(dict.fromkeys(claim.id for claim in study.claims))
    about = f"{len(result.plan.conditions)} conditions × {result.plan.seeds} seeds, {result.plan.scale} scale"
    return {
        "title": study.title or study.name,
        "question": study.question,
        "link": _link(result, path, root),
        "about": f"{about}; {', '.join(ids)}" if ids else about,
    }


def _summary(scores: Sequence[ScoreView]) -> str:
    """How many claims were studied and what came of them, and the same of what the studies ask beyond those."""
    known = {claim.id for claim in PAPER_CLAIMS}
    studied = [score for score in scores if score.studies and score.id in known]
    own = [score for score in scores if score.id not in known]
    opening = f"{len(studied)} of {len(known)} claims were studied"
    summary = f"{opening}: {_verdicts(studied)}." if studied else f"{opening}."
    if not own:
        return summary
    questions = f"{len(own)} questions" if len(own) > 1 else "one question"
    return f"{summary} The studies ask {questions} of their own: {_verdicts(own)}."


def _verdicts(scores: Sequence[ScoreView]) -> str:
    verdicts = [score.verdict.words for score in scores]
    names = ("replicated", "mixed", "not replicated", "no verdict")
    return joined([f"{verdicts.count(name)} {name}" for name in names if name in verdicts])
