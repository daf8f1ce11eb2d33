"""The pages of results: a scorecard and a page for each claim of the catalogue, written as Markdown before a build.

What a claim says, what would count against it and which studies test it is read from the package. What was found is
read from the folder `results`, which `repbias publish` writes. A claim without a published result says so.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import pandas as pd
import published
from sphinx.application import Sphinx

from repbias.experiments.catalogue import CATALOGUE, SOURCES, CatalogueClaim
from repbias.experiments.claim import Claim
from repbias.experiments.scorecard import Score, StudyScore, scorecard
from repbias.experiments.study import Study
from repbias.studies import DOMAINS, NAMES, find_study

NOT_PUBLISHED = "not published yet"
Tests = list[tuple[Study, list[Claim]]]  # studies, each with its parts of one claim

INTRODUCTION = """# Results

The scorecard of this project. Each row is a claim of the literature about representational bias, with its verdict in
each domain: networks trained on vectors of bits, on strings, and on images. The verdicts follow from rules that were
fixed before the runs; [what a verdict means](../explanation/verdicts.md) states them. The page of a claim shows what is
tested, what would count against it, what was found, and how to run it again. A dash stands where no study of the
package tests the claim.

"""


def write_pages(app: Sphinx) -> None:
    """Write `results/index.md` and a page for each claim into the folder of the documentation."""
    folder = Path(app.srcdir) / "results"
    folder.mkdir(exist_ok=True)
    tests, scores = tests_by_claim(), published_scores()
    pages = {f"{id}.md": claim_page(claim, tests[id], scores.get(id), folder) for id, claim in CATALOGUE.items()}
    pages["index.md"] = INTRODUCTION + scorecard_table(tests, scores) + toctree()
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:  # so that only new pages are read again
            path.write_text(text, encoding="utf-8")


def tests_by_claim() -> dict[str, Tests]:
    """The studies that test each claim of the catalogue."""
    found: dict[str, Tests] = defaultdict(list)
    for study in map(find_study, NAMES):
        for id in dict.fromkeys(claim.id for claim in study.claims if claim.id in CATALOGUE):
            found[id].append((study, [claim for claim in study.claims if claim.id == id]))
    return found


def published_scores() -> dict[str, Score]:
    """What was found on each claim that has a published result."""
    claims = published.claims_table()
    scores = [] if claims is None else scorecard(claims)
    return {score.claim.id: score for score in scores if score.claim and (score.studies or score.further)}


def scorecard_table(tests: dict[str, Tests], scores: dict[str, Score]) -> str:
    """The table of all claims of the catalogue with their verdicts by domain."""
    studied = {study.domain for of_claim in tests.values() for study, _ in of_claim}
    domains = [domain for domain in DOMAINS if domain in studied]
    rows = [
        [f"[{id}]({id}.md)", claim.statement, *(_verdict(domain, tests[id], scores.get(id)) for domain in domains)]
        for id, claim in CATALOGUE.items()
    ]
    return _table(["", "claim", *domains], rows) + "\n"


def _verdict(domain: str, tests: Tests, score: Score | None) -> str:
    if score and domain in score.domains:
        return f"**{score.domains[domain]}**"
    return NOT_PUBLISHED if any(study.domain == domain for study, _ in tests) else "–"


def claim_page(claim: CatalogueClaim, tests: Tests, score: Score | None, folder: Path) -> str:
    """The page of one claim."""
    pieces = [
        f"# {claim.id}: {claim.statement}",
        f"**Source**: {'; '.join(SOURCES[source] for source in claim.sources)}.",
        f"**What would count against it**: {claim.against}.",
        "## What was found",
        *_found(score, tests, folder),
        "## What is tested",
        *(_tested(study, parts) for study, parts in tests),
        *([] if tests else ["No study of this package tests it."]),
        "## How to run it again",
        "```console\n" + "\n".join(f"$ repbias run {study.name} --scale full" for study, _ in tests) + "\n```",
    ]
    return "\n\n".join(pieces) + "\n"


def _found(score: Score | None, tests: Tests, folder: Path) -> list[str]:
    """The pieces of what was found, and which studies have no published result."""
    studies = score.studies if score else ()
    lacking = [f"`{study.name}`" for study, _ in tests if study.name not in {found.study for found in studies}]
    pieces = [f"**{score.sentence[0].upper()}{score.sentence[1:]}.**"] if score and studies else []
    pieces += [_found_by(study, folder) for study in studies]
    if score and score.further:
        names = [f"{question.statement} (`{question.study}`): **{question.verdict}**" for question in score.further]
        pieces += [
            "Further questions of studies, which are no part of the verdict:",
            "\n".join(f"- {n}" for n in names),
        ]
    return [*pieces, f"No result has been published yet of {', '.join(lacking)}."] if lacking else pieces


def _found_by(study: StudyScore, folder: Path) -> str:
    """The verdict of one study, its numbers condition by condition, and its figures."""
    primary = f" Primary conditions: {study.tally}." if study.tally else ""
    others = f" Other conditions, in italics: {study.beyond}." if study.beyond else ""
    rows = [_row(row) for row in study.rows.to_dict("records")]
    numbers = _table(["condition", "part of the claim", "estimate", "95 % interval", "networks", "verdict"], rows)
    pictures = [
        f"![{path.stem} of {study.study}]({os.path.relpath(path, folder)})" for path in published.figures(study.study)
    ]
    heading = f"### `{study.study}` ({study.domain}, {study.scale} scale)"
    return "\n\n".join([heading, f"Verdict: **{study.verdict}**.{primary}{others}", *pictures, numbers])


def _row(row: dict[str, object]) -> list[str]:
    condition = f"{row['condition']}" if row["family"] == "primary" else f"*{row['condition']}*"
    numbers = [f"{row[name]:.3f}" if pd.notna(row[name]) else "" for name in ("estimate", "ci_low", "ci_high")]
    interval = f"{numbers[1]} to {numbers[2]}" if numbers[1] else ""
    counted = f"{row['n']} of {row['n_planned']}"
    return [condition, str(row["statement"]), numbers[0], interval, counted, str(row["verdict"])]


def _tested(study: Study, parts: list[Claim]) -> str:
    rows = [[part.statement, part.describe(), "" if part.sesoi is None else f"{part.sesoi:g}"] for part in parts]
    table = _table(["part of the claim", "statistic, per network", "smallest effect of interest"], rows)
    return f"### `{study.name}` ({study.domain})\n\n{study.question}\n\n{table}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def toctree() -> str:
    """The list of pages for the navigation."""
    return "\n```{toctree}\n:hidden:\n\n" + "\n".join(CATALOGUE) + "\n```\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages when the build begins."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
