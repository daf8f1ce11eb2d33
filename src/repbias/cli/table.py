"""`repbias table`: write the numbers of a study to a file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from repbias.cli.options import DEFAULT_STORE, Scale, StorePath


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
