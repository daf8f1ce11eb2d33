"""`repbias report`: write the pages of a store again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from repbias.cli.options import DEFAULT_STORE, Scale, StorePath, Words, optional

if TYPE_CHECKING:
    from repbias.runs.results import StudyResult


@dataclass(frozen=True)
class Report:
    """Write figures, numbers and pages again from a store, without training; without names, also the scorecard."""

    studies: Annotated[Words, optional("STUDY...", "Names of studies; by default all in the store.")] = ()
    scale: Scale = None
    store: StorePath = DEFAULT_STORE

    def run(self) -> None:
        """Write the pages and print where they are."""
        from repbias.report.scorecard import write_scorecard
        from repbias.runs.studies import stored_results

        results = stored_results(self.store, self.studies, self.scale)
        for result in results:
            write_page(result, self.store)
        if not self.studies:
            print(f"scorecard: {write_scorecard(results, self.store)}")


def write_page(result: StudyResult, store: Path) -> None:
    """Write a study's page and print where it is."""
    from repbias.report.study_report import write_report

    print(f"page: {write_report(result, store)}")
