"""`repbias report`: write the pages of a store again, without training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from repbias.cli.options import DEFAULT_STORE, Scale, StorePath, Words, optional


@dataclass(frozen=True)
class Report:
    """Write figures, numbers and pages again from a store, without training; without names, also the scorecard."""

    studies: Annotated[Words, optional("STUDY...", "Names of studies; by default all in the store.")] = ()
    scale: Scale = None
    store: StorePath = DEFAULT_STORE

    def run(self) -> None:
        """Write the pages and print where they are."""
        from repbias.report import study_report
        from repbias.report.scorecard import write_scorecard
        from repbias.runs.studies import stored_results

        results = stored_results(self.store, self.studies, self.scale)
        for result in results:
            print(f"page: {study_report.write_report(result, self.store)}")
        if not self.studies:
            print(f"scorecard: {write_scorecard(results, self.store)}")
