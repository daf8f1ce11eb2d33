"""What `repbias publish` has written into the folder `results`: claims tables and figures, by study."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parents[2] / "results"
TEXT = ("note", "corrected", "about", "condition", "family", "test_id")


def claims_table(folder: Path = FOLDER) -> pd.DataFrame | None:
    """The claims tables of all published studies, one below the other; None where there is none."""
    tables = [pd.read_csv(path) for path in sorted(folder.glob("*/claims.csv"))]
    if not tables:
        return None
    table = pd.concat(tables, ignore_index=True)
    return table.assign(**{name: table[name].fillna("") for name in TEXT})


def figures(study: str, folder: Path = FOLDER) -> list[Path]:
    """The figures of a study."""
    return sorted(path for path in (folder / study).rglob("*") if path.suffix in (".svg", ".png"))
