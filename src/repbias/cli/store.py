"""`repbias report`, `repbias claims` and `repbias table`: pages, claims and numbers of a store, without training."""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from repbias.cli.options import DEFAULT_STORE, Scale, StorePath, Words, optional

if TYPE_CHECKING:
    import pandas as pd


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


@dataclass(frozen=True)
class Claims:
    """Print the scorecard of a store, then every claim condition by condition, without training."""

    json: bool = False
    """Print a JSON list of objects: one per row, with the columns of the claims table, `headline` and `scorecard`."""
    scale: Scale = None
    store: StorePath = DEFAULT_STORE

    def run(self) -> None:
        """Print the claims as tables or as JSON."""
        from repbias.cli import terminal
        from repbias.runs.studies import claims_table, stored_results

        claims = claims_table(stored_results(self.store, scale=self.scale))
        if self.json:
            print(claims_json(claims))
        else:
            terminal.stdout().print(terminal.scorecard(claims), "", terminal.claims(claims))


def claims_json(claims: pd.DataFrame) -> str:
    """Return claims as a JSON list of objects, one per row of the claims table; missing and infinite numbers are null.

    The keys are the columns of `repbias.experiments.evaluation`, and `headline` and `scorecard`: the verdict on the
    claim in its study, and over all studies in the words of the scorecard.
    """
    from repbias.experiments.scorecard import with_headlines

    def finite(value: object) -> object:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    rows = [{key: finite(value) for key, value in row.items()} for row in with_headlines(claims).to_dict("records")]
    return json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True)
class Table:
    """Write a study's tidy table (study, condition, seed, step, layer, feature, measure, value) to a file."""

    study: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="STUDY")]
    out: Annotated[Path, tyro.conf.arg(metavar="FILE", help="The file to write; it ends in .csv or .parquet.")]
    scale: Scale = None
    store: StorePath = DEFAULT_STORE

    def run(self) -> None:
        """Write the table as CSV or Parquet, by the file's ending.

        Raises
        ------
        ValueError : another ending, a study that was not run, or a file that cannot be written.
        """
        from repbias.core import atomic
        from repbias.runs.studies import stored_results

        if self.out.suffix not in {".csv", ".parquet"}:
            raise ValueError(f"--out ends in .csv or .parquet, got {str(self.out)!r}")
        if not self.out.parent.is_dir():
            raise ValueError(f"cannot write {self.out}: there is no folder {self.out.parent}")
        (result,) = stored_results(self.store, [self.study], self.scale)
        buffer = io.BytesIO()
        if self.out.suffix == ".csv":
            result.table.to_csv(buffer, index=False)
        else:
            result.table.to_parquet(buffer, index=False)
        try:
            atomic.write_file(self.out, buffer.getvalue())
        except OSError as error:
            raise ValueError(f"cannot write {self.out}: {error.strerror}") from error
