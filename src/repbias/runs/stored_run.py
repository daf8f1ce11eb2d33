"""A complete run, as it is read back from a store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repbias.runs.seal import LOG, WEIGHTS, StoreError

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor


@dataclass(frozen=True)
class StoredRun:
    """A complete run, verified when it was loaded; tables and weights are read when asked for.

    Attributes
    ----------
    experiment : what `Store.save` was given. table_names : the tables it has, sorted.
    """

    id: str
    folder: Path
    experiment: dict[str, Any]
    table_names: tuple[str, ...]

    def table(self, name: str) -> pd.DataFrame:
        """Return a table as it was saved, types of columns and index included.

        Parquet does not keep the categories of a categorical column that has no rows.

        Raises
        ------
        StoreError : the run has no table of that name.
        """
        import pandas as pd

        if name not in self.table_names:
            known = ", ".join(self.table_names) or "none"
            raise StoreError(f"run {self.id} has no table {name!r}; its tables: {known}")
        return pd.read_parquet(self.folder / f"tables/{name}.parquet", engine="pyarrow")

    def weights(self) -> dict[str, Tensor]:
        """Return the saved tensors by name, on the CPU; none for a network that failed."""
        from safetensors.torch import load

        path = self.folder / WEIGHTS
        return load(path.read_bytes()) if path.exists() else {}

    @property
    def log(self) -> str:
        """What was logged while the run was made."""
        return (self.folder / LOG).read_bytes().decode()
