"""What the results of measures have in common: a tidy table, a display with a column for each measure, and a plot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from repbias.core.display import Displayed
from repbias.figures.drawings import Drawing

if TYPE_CHECKING:  # Matplotlib is imported when something is drawn
    from matplotlib.axes import Axes

    from repbias.figures.style import Style


class MeasureResult(Displayed):
    """A result of a measure. Its class describes what `table` holds and what `plot` draws."""

    def table(self) -> pd.DataFrame:
        """Return a tidy table, whose last columns are measure and value."""
        raise NotImplementedError

    def plot(self, *, ax: Axes | None = None, style: Style = "repbias") -> Axes:
        """Draw the result as one panel.

        Parameters
        ----------
        ax : axes to draw on; new ones by default.
        style : "repbias", or "user" to follow your own Matplotlib settings.

        Returns
        -------
        The axes.
        """
        from repbias.figures.measures import draw

        return draw(self._drawing(), ax=ax, style=style)

    def _drawing(self) -> Drawing:
        raise NotImplementedError

    def _title(self) -> str:
        raise NotImplementedError

    def _display(self) -> tuple[str, pd.DataFrame]:
        return self._title(), one_column_per_measure(self.table())


def one_column_per_measure(table: pd.DataFrame) -> pd.DataFrame:
    """Return a tidy table with one column for each measure; the order of rows and measures stays."""
    of = [name for name in table.columns if name not in ("measure", "value")]
    table = table[~table["measure"].isin(of)]  # such as the number of training stimuli of a sweep
    wide = table.pivot(index=of, columns="measure", values="value")[table["measure"].unique()]
    return table[of].drop_duplicates().merge(wide.rename_axis(columns=None).reset_index(), on=of, how="left")
