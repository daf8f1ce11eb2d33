"""Over how many channels each feature is spread before pooling, and how strongly: one panel per stage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from repbias.report.figures import marks, select, style
from repbias.report.figures.figure import Figure, empty_figure

NAME, TITLE = "channels", "Channels before and after pooling, stage by stage"
_KEYS = ["condition", "layer", "feature", "curve", "x"]
_SIZE = (2.1, 1.7)
_GREYS = ("#59616b", "#a3abb4")
_VECTOR_VALUES = 20_000  # with more, the networks' lines would make the SVG heavy


@style.house_style()
def channel_spread(
    channels: pd.DataFrame, conditions: pd.DataFrame, solid: str, dashed: str, features: Sequence[str]
) -> Figure:
    """Draw R2 of the channels of every stage from high to low, at every place of its map and of its mean over space.

    Parameters
    ----------
    channels : ``condition``, ``seed``, ``layer``, ``feature``, ``curve``, ``x`` (rank from 1), ``value`` (R2); layers
        in the order of the stages.
    conditions : one row per condition; its order is the order of the rows of panels.
    solid, dashed : the curves drawn with solid lines, of the map, and with dashed lines, of the mean over space.
    features : what networks report; any other property is drawn in grey.

    Returns
    -------
    The figure; ``numbers`` has the marks ``seed`` and ``mean``, and in ``share`` the rank as a share of the channels.
    """
    select.require_columns(channels, [*_KEYS, "seed", "value"], "channels")
    here = conditions[conditions["condition"].isin(set(channels["condition"]))]
    numbers = _numbers(channels)
    if here.empty:
        sentence = "No channels: the analysis has not been run, or no network passed the accuracy criterion."
        return empty_figure(NAME, TITLE, sentence, numbers)
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
            draw_ranks(axes, rows, colours, solid, rasterized=len(numbers) > _VECTOR_VALUES)
            axes.set(xlim=(0, 1), ylim=limits)
            marks.share_axis(axes.xaxis)
            axes.tick_params(labelleft=column == 0)
            axes.set_xlabel(f"share of channels, stage {column}")
            if column == 0:
                style.panel_title(axes, titles[condition])
                axes.set_ylabel("R2 of a channel")
    caption = f"{_caption(numbers, solid, dashed, conditions)}{select.drawn_sentence(here)}"
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


def draw_ranks(axes: Axes, rows: pd.DataFrame, colours: dict[str, str], solid: str, *, rasterized: bool) -> None:
    """Draw falling steps: thin lines of networks on the map, bold and dashed lines of means."""
    marks.zero_line(axes)
    for feature, colour in reversed(colours.items()):
        one = rows[rows["feature"] == feature]
        for _, network in one[(one["mark"] == "seed") & (one["curve"] == solid)].groupby("seed"):
            _steps(axes, network, color=colour, linewidth=0.5, alpha=0.4, rasterized=rasterized)
        for curve, mean in one[one["mark"] == "mean"].groupby("curve"):
            of_map = curve == solid
            _steps(axes, mean, color=colour, linewidth=1.8 if of_map else 1.1, linestyle="-" if of_map else "--")


def _steps(axes: Axes, rows: pd.DataFrame, **style_of_line: object) -> None:
    rows = rows.sort_values("rank")
    axes.stairs(rows["value"], np.append(0.0, rows["share"]), baseline=None, **style_of_line)  # type: ignore[arg-type]


def _caption(numbers: pd.DataFrame, solid: str, dashed: str, conditions: pd.DataFrame) -> str:
    return (
        "Channels of every stage, from the highest R2 to the lowest, sorted for each feature separately. At the point "
        "where a line crosses a value of R2, the horizontal axis gives the share of channels above that value. Solid "
        f"lines are {solid}: the variance that a feature explains at every place of the map, summed over places, as a "
        f"share of all variance at these places. Dashed lines are {dashed}. Bold and dashed lines are means over "
        "networks at each rank, thin lines are networks. Grey lines are properties of the images that no output "
        f"reports. {select.networks_sentence(numbers[numbers['mark'] == 'seed'], conditions)}"
    )
