"""`repbias claims`: print the claims of a store."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from repbias.cli.options import DEFAULT_STORE, Scale, StorePath

if TYPE_CHECKING:
    import pandas as pd


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
