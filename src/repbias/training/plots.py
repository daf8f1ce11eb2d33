"""The plots of trained networks, drawn by the code of the pages of studies."""

from __future__ import annotations

from collections.abc import Sequence

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
from repbias.training.job import Outcome
from repbias.training.summaries import all_steps, all_units, last_hidden, r2_by_layer

KINDS = ("layers", "learning", "units")


def plot_networks(outcomes: Sequence[Outcome], kind: str, ax: Axes | None, style_of_plot: style.Style) -> Axes | Figure:
    """Draw one kind of plot; see `Networks.plot`."""
    refuse_unknown(kind, KINDS, "plot of networks")
    if kind == "layers":
        return draw(Curves.of_layers(r2_by_layer(outcomes)), ax=ax, style=style_of_plot)
    if ax is not None:
        raise ValueError(f"{kind!r} is a figure of several panels and takes no ax; leave ax out, and save the figure")
    layer = last_hidden(r2_by_layer(outcomes))
    title = f"layer {layer}"
    conditions = pd.DataFrame({"condition": [title], "penultimate": [layer]})
    table = all_steps(outcomes).assign(condition=title)
    table = table[table["feature"] != ALL_FEATURES]
    with style.applied(style_of_plot):
        if kind == "learning":
            return learning_curves(table, conditions)
        return unit_histogram(all_units(outcomes).assign(condition=title), table, conditions)
