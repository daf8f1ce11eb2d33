"""`repbias publish`: write the results of studies as small files from which every verdict can be computed again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from repbias.cli.options import DEFAULT_STORE, Scale, StorePath, Words, optional


@dataclass(frozen=True)
class Publish:
    """Write claims, the numbers behind them, provenance and main figures of studies into a folder, without training."""

    studies: Annotated[Words, optional("STUDY...", "Names of studies; by default all in the store.")] = ()
    out: Annotated[Path, tyro.conf.arg(metavar="DIR", help="The folder to publish in.")] = Path("results")
    scale: Scale = None
    store: StorePath = DEFAULT_STORE

    def run(self) -> None:
        """Write one folder per study and print where it is, and how much of the study was run."""
        from repbias.report.publish import publish
        from repbias.runs.studies import stored_results

        for result in stored_results(self.store, self.studies, self.scale):
            ran = len(result.outcomes) - result.n_missing
            print(f"{publish(result, self.out)}: {ran} of {len(result.outcomes)} networks")
