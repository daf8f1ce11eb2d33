"""The pages of results: a scorecard and a page for each claim of the catalogue, written as Markdown before a build.

What a claim says, what would count against it and which studies test it is read from the package. What was found is
read from the folder `results`, which `repbias publish` writes. A claim without a published result says so.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from sphinx.application import Sphinx

from repbias.experiments.catalogue import CATALOGUE, SOURCES, CatalogueClaim
from repbias.experiments.claim import Claim
from repbias.experiments.study import Study
from repbias.studies import NAMES, find_study

PUBLISHED = Path(__file__).parents[2] / "results"
DOMAINS = ("bits", "strings", "images")
Parts = dict[str, list[tuple[Study, list[Claim]]]]

NOT_PUBLISHED = "No result of this claim has been published yet."
INTRODUCTION = """# Results

The scorecard of this project. Each row is a claim of the literature about representational bias, with its verdict in
each domain: networks trained on vectors of bits, on strings, and on images. The verdicts follow from rules that were
fixed before the runs; [what a verdict means](../explanation/verdicts.md) states them. The page of a claim shows what is
tested, what would count against it, what was found, and how to run it again.

"""


def write_pages(app: Sphinx) -> None:
    """Write `results/index.md` and a page for each claim into the folder of the documentation."""
    folder = Path(app.srcdir) / "results"
    folder.mkdir(exist_ok=True)
    parts = parts_by_claim()
    pages = {f"{claim.id}.md": claim_page(claim, parts[claim.id]) for claim in CATALOGUE.values()}
    pages["index.md"] = INTRODUCTION + scorecard_table() + toctree()
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:  # so that only new pages are read again
            path.write_text(text, encoding="utf-8")


def parts_by_claim() -> Parts:
    """The studies that test each claim of the catalogue, each with its parts of that claim."""
    found: Parts = defaultdict(list)
    for study in map(find_study, NAMES):
        for id in dict.fromkeys(claim.id for claim in study.claims if claim.id in CATALOGUE):
            found[id].append((study, [claim for claim in study.claims if claim.id == id]))
    return found


def claim_page(claim: CatalogueClaim, tested: list[tuple[Study, list[Claim]]]) -> str:
    """The page of one claim: what it says, what would count against it, and what each study tests."""
    sources = "; ".join(SOURCES[source] for source in claim.sources)
    names = [study.name for study, _ in tested]
    pieces = [
        f"# {claim.id}: {claim.statement}",
        f"**Source**: {sources}.",
        f"**What would count against it**: {claim.against}.",
        "## What was found",
        NOT_PUBLISHED,
        "## What is tested",
        *(_tested(study, parts) for study, parts in tested),
        *([] if tested else ["No study of this package tests it."]),
        "## How to run it again",
        "```console\n" + "\n".join(f"$ repbias run {name} --scale full" for name in names) + "\n```",
    ]
    return "\n\n".join(pieces) + "\n"


def _tested(study: Study, parts: list[Claim]) -> str:
    rows = [
        f"| {part.statement} | {_cell(part.describe())} | {'' if part.sesoi is None else f'{part.sesoi:g}'} |"
        for part in parts
    ]
    table = "\n".join(
        ["| part of the claim | statistic, per network | smallest effect of interest |", "|---|---|---|", *rows]
    )
    return f"### `{study.name}` ({study.domain})\n\n{study.question}\n\n{table}"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def scorecard_table() -> str:
    """The table of all claims of the catalogue."""
    head = ["| | claim | " + " | ".join(DOMAINS) + " |", "|---|---|" + "---|" * len(DOMAINS)]
    rows = [
        f"| [{claim.id}]({claim.id}.md) | {claim.statement} |" + " – |" * len(DOMAINS) for claim in CATALOGUE.values()
    ]
    return "\n".join([*head, *rows]) + "\n"


def toctree() -> str:
    """The list of pages for the navigation."""
    return "\n```{toctree}\n:hidden:\n\n" + "\n".join(CATALOGUE) + "\n```\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages when the build begins."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
