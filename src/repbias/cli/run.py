"""`repbias run`: train the missing networks, print the claims, write the pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from repbias.cli.options import DEFAULT_STORE, StorePath, Words, optional


@dataclass(frozen=True)
class Run:
    """Train the missing networks, print the claims, then write figures, numbers and the page."""

    studies: Annotated[Words, optional("STUDY...", "Names of studies (see `repbias list`), 'all', or TOML files.")]
    scale: Literal["quick", "full"] = "quick"
    """How much of the study: a first look, or all conditions and seeds."""
    seeds: Annotated[int | None, optional("INT")] = None
    """Networks per condition (seeds 0, 1, ...), instead of the number of the scale."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train."""
    store: StorePath = DEFAULT_STORE
    strict: bool = False
    """Exit with status 1 unless every claim is replicated, by its primary conditions."""
    remake: bool = False
    """Delete damaged runs and make them again."""

    progress: bool = True
    """Show on standard error how much is done, and about how long the rest takes."""

    def run(self) -> int:
        """Run the studies; print the claims of each, then write its page and print where it is.

        If a page cannot be written, the other studies are run all the same, and the error is raised at the end.

        Returns
        -------
        The exit status, 1 only with `strict`.
        """
        from repbias.cli import terminal
        from repbias.experiments.families import headlines
        from repbias.experiments.verdicts import REPLICATED
        from repbias.report import study_report
        from repbias.runs.studies import claims_table, run_studies

        out, results, failures = terminal.stdout(), [], []
        for result in run_studies(
            self.studies, self.store, scale=self.scale, seeds=self.seeds, device=self.device, remake=self.remake,
            progress=self.progress,
        ):  # fmt: skip
            results.append(result)
            out.print(terminal.claims(result.claims))
            try:
                print(f"page: {study_report.write_report(result, self.store)}")
            except Exception as error:
                failures.append(error)
                name = result.plan.study.name
                out.print(f"no page for {name}: 'repbias report {name}' tries again, without training", markup=False)
        claims = claims_table(results)
        if len(results) > 1:
            out.print(terminal.scorecard(claims))
        if failures:
            raise failures[0]
        return int(self.strict and not (headlines(claims)["verdict"] == REPLICATED).all())
