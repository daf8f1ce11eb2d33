"""The plots of trained networks, drawn by the code of the pages of studies."""

from __future__ import annotations

from typing import Protocol

import pandas as pd
from matplotlib.axes import Axes

from repbias.core.results import ALL_FEATURES
from repbias.core.specs import refuse_unknown
from repbias.figures import style
from repbias.figures.curves import learning_curves
from repbias.figures.drawings import Curves
from repbias.figures.figure import Figure
from repbias.figures.histogram import unit_histogram
from repbias.figures.measures import draw

KINDS = ("layers", "learning", "units")


class NetworkTables(Protocol):
    """What the plots read of trained networks; see `repbias.training.Networks`."""

    @property
    def last_hidden(self) -> str:
        """The last measured layer before the read-out."""

    def table(self) -> pd.DataFrame:
        """Return all measurements."""

    def units(self) -> pd.DataFrame:
        """Return R2 of each unit."""

    def r2(self) -> pd.DataFrame:
        """Return R2 by layer and feature."""


def plot_networks(networks: NetworkTables, kind: str, ax: Axes | None, style_of_plot: style.Style) -> Axes | Figure:
    """Draw one kind of plot; see `Networks.plot`."""
    refuse_unknown(kind, KINDS, "plot of networks")
    if kind == "layers":
        return draw(Curves.of_layers(networks.r2()), ax=ax, style=style_of_plot)
    if ax is not None:
        raise ValueError(f"{kind!r} is a figure of several panels and takes no ax; leave ax out, and save the figure")
    layer = networks.last_hidden
    title = f"layer {layer}"
    conditions = pd.DataFrame({"condition": [title], "penultimate": [layer]})
    table = networks.table().assign(condition=title)
    table = table[table["feature"] != ALL_FEATURES]
    with style.applied(style_of_plot):
        if kind == "learning":
            return learning_curves(table, conditions)
        return unit_histogram(networks.units().assign(condition=title), table, conditions)
