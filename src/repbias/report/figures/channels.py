"""Over how many channels each feature is spread before pooling, and how strongly: a panel a stage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from repbias.report.figures import select, style
from repbias.report.figures.figure import Figure

NAME, TITLE = "channels", "Channels before and after pooling, stage by stage"
_KEYS = ["condition", "layer", "feature", "curve", "x"]
_SIZE = (2.1, 1.7)
_GREYS = ("#59616b", "#a3abb4")
_VECTOR_VALUES = 20_000  # of more, the networks' lines would make the drawing heavy


@style.house_style()
def channel_spread(
    channels: pd.DataFrame, conditions: pd.DataFrame, whole: str, dashed: str, features: Sequence[str]
) -> Figure:
    """R2 of the channels of every stage from high to low, at every place of its map and of its mean over space.

    Parameters
    ----------
    channels : ``condition``, ``seed``, ``layer``, ``feature``, ``curve``, ``x`` (rank from 1), ``value`` (R2); layers
        in the order of the stages.
    conditions : one row a condition; its order is the order of the rows of panels.
    whole, dashed : the curves that are drawn with whole lines, the map's, and with dashed ones, the mean's.
    features : what networks report; whatever else was measured is drawn in grey.

    Returns
    -------
    the figure; ``numbers`` has the marks ``seed`` and ``mean``, and in ``share`` the rank as a share of the channels.
    """
    select.require_columns(channels, [*_KEYS, "seed", "value"], "channels")
    here = conditions[conditions["condition"].isin(set(channels["condition"]))]
    numbers = _numbers(channels)
    if here.empty:
        sentence = "No channels: the analysis has not been done, or no network passed the accuracy criterion."
        return Figure(NAME, TITLE, sentence, style.sentence_only(sentence), numbers)
    titles, shown = select.titles(conditions), select.drawn(here)["condition"]
    colours = _colours(channels, features)
    stages = {name: list(dict.fromkeys(rows["layer"])) for name, rows in channels.groupby("condition")}
    columns = max(len(layers) for layers in stages.values())
    drawing, cells = style.blocks(len(shown) * columns, columns, _SIZE, colours, gap=(0.3, 0.8))
    limits = min(float(numbers["value"].min()), 0.0) - 0.03, max(float(numbers["value"].max()), 0.1) * 1.05
    for row, condition in enumerate(shown):
        for column, layer in enumerate(stages[condition]):
            axes = drawing.add_subplot(cells[row * columns + column])
            rows = numbers[(numbers["condition"] == condition) & (numbers["layer"] == layer)]
            _draw(axes, rows, colours, whole, rasterized=len(numbers) > _VECTOR_VALUES)
            axes.set(xlim=(0, 1), ylim=limits)
            axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            axes.tick_params(labelleft=column == 0)
            axes.set_xlabel(f"share of channels, stage {column}")
            if column == 0:
                style.panel_title(axes, titles[condition])
                axes.set_ylabel("R2 of a channel")
    caption = f"{_caption(numbers, whole, dashed, conditions)}{select.drawn_sentence(here)}"
    return Figure(NAME, TITLE, caption, drawing, numbers)


def _numbers(channels: pd.DataFrame) -> pd.DataFrame:
    """Every network's channels by rank, and the mean over networks at each rank."""
    values = select.seeds_and_mean(channels.astype({"condition": str, "feature": str}), _KEYS)
    count = values.groupby(["condition", "layer", "curve"], sort=False)["x"].transform("max")
    return values.rename(columns={"x": "rank"}).assign(share=values["x"] / count)


def _colours(channels: pd.DataFrame, features: Sequence[str]) -> dict[str, str]:
    drawn = set(channels["feature"].astype(str))
    others = select.in_order(drawn - set(features))
    greys = {name: _GREYS[place % len(_GREYS)] for place, name in enumerate(others)}
    return {**style.feature_colours(select.in_order(drawn & set(features))), **greys}


def _draw(axes: Axes, rows: pd.DataFrame, colours: dict[str, str], whole: str, *, rasterized: bool) -> None:
    """Steps that fall from channel to channel: thin ones of each network on the map, bold and dashed ones are means."""
    axes.axhline(0, color="#8b939c", linewidth=0.7, zorder=1)
    for feature, colour in reversed(colours.items()):
        one = rows[rows["feature"] == feature]
        for _, network in one[(one["mark"] == "seed") & (one["curve"] == whole)].groupby("seed"):
            _steps(axes, network, color=colour, linewidth=0.5, alpha=0.4, rasterized=rasterized)
        for curve, mean in one[one["mark"] == "mean"].groupby("curve"):
            of_map = curve == whole
            _steps(axes, mean, color=colour, linewidth=1.8 if of_map else 1.1, linestyle="-" if of_map else "--")


def _steps(axes: Axes, rows: pd.DataFrame, **style_of_line: object) -> None:
    rows = rows.sort_values("rank")
    axes.stairs(rows["value"], np.append(0.0, rows["share"]), baseline=None, **style_of_line)  # type: ignore[arg-type]


def _caption(numbers: pd.DataFrame, whole: str, dashed: str, conditions: pd.DataFrame) -> str:
    return (
        "Channels of every stage, from the highest R2 down; each feature has an order of its own. Where a line crosses "
        f"a value of R2, the axis below tells the share of channels above it. Whole lines are {whole}: what a feature "
        "explains at every place of the map, summed over places, of all that varies there. Dashed lines are "
        f"{dashed}. Bold and dashed lines are means over networks at each rank, thin lines are networks. Grey are "
        "properties of the images that no output reports. "
        f"{select.networks_sentence(numbers[numbers['mark'] == 'seed'], conditions)}"
    )
