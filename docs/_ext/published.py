"""What `repbias publish` has written into the folder `results`: claims tables and figures, by study."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from repbias.report.publish import read_published

FOLDER = Path(__file__).parents[2] / "results"


def claims_table(folder: Path = FOLDER) -> pd.DataFrame | None:
    """The claims tables of all published studies, one below the other; None where there is none."""
    tables = [one.claims for one in read_published(folder)] if folder.is_dir() else []
    return pd.concat(tables, ignore_index=True) if tables else None


def figures(study: str, folder: Path = FOLDER) -> list[Path]:
    """The figures of a study."""
    return sorted((folder / study).glob("*.png"))
