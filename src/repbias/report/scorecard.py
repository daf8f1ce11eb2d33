"""The page of the scorecard: every claim with its verdicts, effects and studies, and what would count against it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from repbias.core.display import joined
from repbias.experiments.catalogue import CATALOGUE, SOURCES
from repbias.experiments.families import BEYOND, DESCRIPTIVE
from repbias.experiments.scorecard import Score, chance_sentence, scorecard
from repbias.experiments.verdicts import VERDICT_RULE, VERDICTS
from repbias.figures.select import claim_parts, span
from repbias.figures.style import formula
from repbias.report.html import beside, csv_link, render, write_whole
from repbias.report.study_report import report_folder
from repbias.report.study_views import bound, number
from repbias.runs.results import StudyResult


def write_scorecard(results: Sequence[StudyResult], root: Path) -> Path:
    """Write the page of all claims beside the studies' pages, `reports/index.html`; return its path.

    Parameters
    ----------
    results : every study that was run into the store.
    root : the store's folder.
    """
    path = root / "reports" / "index.html"
    claims = pd.concat([result.claims for result in results], ignore_index=True)
    scores = scorecard(claims)
    links = {result.plan.study.name: beside(path, report_folder(root, result) / "index.html") for result in results}
    html = render(
        "scorecard.html.jinja",
        scores=scores,
        links=links,
        catalogue=CATALOGUE,
        part_views=lambda rows: [_part(part) for part in claim_parts(rows)],
        summary=_summary(scores),
        chance=chance_sentence(scores),
        studies=[_study(result, links[result.plan.study.name]) for result in results],
        claims_csv=csv_link("claims", claims),
        verdict_rule=VERDICT_RULE,
        sources=SOURCES,
        written=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    return write_whole(path, html)


def _part(rows: pd.DataFrame) -> dict[str, str]:
    """One part of a claim in one study, with the ranges over its primary rows, or over all where none is primary."""
    deciding = rows[~rows["family"].isin([BEYOND, DESCRIPTIVE])]
    shown = rows if deciding.empty else deciding
    low, high = int(shown["n"].min()), int(shown["n"].max())
    return {
        "statement": str(rows["statement"].iloc[0]),
        "statistic": formula(rows["statistic"].iloc[0]),
        "effect": _range(shown["estimate"], shown["estimate"]) or "not estimated",
        "interval": _range(shown["ci_low"], shown["ci_high"]) or "–",
        "smallest": bound(shown.iloc[0].to_dict()),
        "n": f"{low if low == high else f'{low}–{high}'} of {shown['n_planned'].max():.0f}",
    }


def _range(low: pd.Series, high: pd.Series) -> str:
    """From the smallest to the largest number that is known."""
    if not (low.notna().any() and high.notna().any()):
        return ""
    return span(number(low.min()), number(high.max()))


def _study(result: StudyResult, link: str) -> dict[str, str]:
    study = result.plan.study
    ids = list(dict.fromkeys(result.claims["id"]))
    about = f"{len(result.plan.conditions)} conditions × {result.plan.seeds} seeds, {result.plan.scale} scale"
    return {
        "title": study.title or study.name,
        "question": study.question,
        "link": link,
        "about": f"{about}; {', '.join(ids)}" if ids else about,
    }


def _summary(scores: Sequence[Score]) -> str:
    """How many claims were studied, and the verdicts on them and on the further questions of the studies."""
    studied = [score.verdict for score in scores if score.domains]
    further = [one.verdict for score in scores for one in score.further]
    opening = f"{len(studied)} of {len(CATALOGUE)} claims were studied"
    summary = f"{opening}: {_verdicts(studied)}." if studied else f"{opening}."
    return f"{summary} Further questions of the studies: {_verdicts(further)}." if further else summary


def _verdicts(words: Sequence[str]) -> str:
    return joined([f"{words.count(name)} {name}" for name in VERDICTS if name in words])
