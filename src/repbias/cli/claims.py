"""`repbias claims`: print the claims of a store."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from repbias.cli.options import DEFAULT_STORE, Scale, StorePath

if TYPE_CHECKING:
    import pandas as pd

JSON_KEYS = [
    "id", "study", "condition", "statement", "statistic", "estimate", "ci_low", "ci_high", "n", "verdict", "scale",
]  # fmt: skip


@dataclass(frozen=True)
class Claims:
    """Print the scorecard of a store, then every claim condition by condition, without training."""

    json: bool = False
    """Print a JSON list of objects."""
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
    """Return claims as a JSON list of objects; numbers that are missing or infinite are null."""
    rows = [
        {
            str(key): None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in row.items()
        }
        for row in claims[JSON_KEYS].to_dict("records")
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False)
