"""Variance explained by output position: at the end of training, and its slope over training.

The read-outs are drawn: all layers except the stimuli and the outputs themselves. Read-outs that all outputs share,
which are the hidden layers on the model's own path, are solid. Others, such as the state of a decoder from which one
output is read, hold that output in any case: they are dashed, in a panel below.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence

import matplotlib
import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.ticker import FixedLocator, MaxNLocator

from repbias.core.results import OUTPUT_POSITION
from repbias.core.statistics import slopes
from repbias.figures import marks, select, style
from repbias.figures.figure import Figure, empty_figure

PROFILE_TITLE = "Variance explained by output position"
SLOPES_TITLE = "The effect of output position over training"
_ENDS = ("input", "readout", "output")
_COLUMNS = ["mark", "condition", "layer", "common", "position", "step", "seed", "value", "ci_low", "ci_high", "n"]
_COMMON, _OTHER = ("Blues", "Greens", "Purples"), ("Oranges", "Reds", "Greys")  # a palette for each kind of read-out
_UNTRAINED, _NOT_COMMON = "last shared read-out, untrained", "not shared by all outputs:"
_WIDTH, _UPPER, _LOWER = 2.6, 1.85, 0.95
Common = Mapping[str, Sequence[str]]


@style.applied()
def position_profile(table: pd.DataFrame, conditions: pd.DataFrame, common: Common) -> Figure:
    """Draw the share of each read-out that the feature at each output position explains, at the last step.

    Parameters
    ----------
    table : measurements with ``r2`` and ``output_position`` of the networks to draw.
    conditions : one row per condition; its order is the order of the panels.
    common : the read-outs of each condition that all outputs share, from input to output.

    Returns
    -------
    The figure; ``numbers`` has marks ``seed``, ``mean``, and ``untrained``, the mean of the last shared read-out at
    step 0.
    """
    start = select.measured(table, "r2")
    start = _placed(start[start["step"] == 0], table, common)
    last = {condition: layers[-1] for condition, layers in common.items()}
    start = start[start["layer"] == start["condition"].map(last)]
    seeds = _placed(select.final(table, "r2"), table, common)
    if seeds.empty:
        return _nothing("position-profile", PROFILE_TITLE, seeds)
    numbers = _numbers(seeds, _means(seeds, "position"), _means(start, "position").assign(mark="untrained"))
    words = ("output position", "R2, share of\nvariance explained")
    drawing = _drawing(numbers, conditions, _colours(seeds, common, untrained=True), words, draw_profile)
    caption = (
        "Share of each read-out’s variance that a feature explains at the end of training, by the output position at "
        "which the network reports it, pooled over networks of all orders of features. The grey line is the last "
        f"shared read-out before training. {_caption(seeds, conditions)}"
    )
    return Figure("position-profile", PROFILE_TITLE, caption, drawing, numbers)


@style.applied()
def position_slopes(table: pd.DataFrame, conditions: pd.DataFrame, common: Common) -> Figure:
    """Draw how much R2 falls per output position at each read-out, over training.

    The slope is computed within each network (see `repbias.core.statistics.slopes`), in shares of the read-out's
    variance at the end of training.

    Parameters
    ----------
    table : measurements with ``r2_final`` and ``output_position`` of the networks to draw.
    conditions, common : as in `position_profile`.

    Returns
    -------
    The figure; ``numbers`` has marks ``seed`` and ``mean``.
    """
    values = _placed(select.measured(table, "r2_final"), table, common)
    places = select.measured(table, OUTPUT_POSITION)
    several = values.groupby("condition")["position"].transform("nunique") > 1
    parts = [
        _slopes(rows, places[places["condition"] == condition])
        for condition, rows in values[several].groupby("condition", sort=False)
    ]
    seeds = pd.concat(parts, ignore_index=True) if parts else values[:0]
    if seeds.empty:
        return _nothing("position-slopes", SLOPES_TITLE, seeds)
    numbers = _numbers(seeds, _means(seeds, "step"))
    words = ("training step", "fall of R2\nper output position")
    drawing = _drawing(numbers, conditions, _colours(seeds, common), words, draw_slopes)
    caption = (
        "How much R2 falls per output position, within each network, over training steps on a logarithmic scale that "
        "starts at step 0. Above zero, features reported earlier have more. R2 is a share of the read-out’s variance "
        "at the end of training, so all points share one scale. Steps are those at which every network still in "
        "training was measured; a network that has stopped enters with its last value. "
        f"{_caption(seeds, conditions)}"
    )
    return Figure("position-slopes", SLOPES_TITLE, caption, drawing, numbers)


def _placed(rows: pd.DataFrame, table: pd.DataFrame, common: Common) -> pd.DataFrame:
    """The rows of read-outs whose feature has an output position, with it; `common` marks shared ones."""
    keys = ["condition", "seed", "feature"]
    places = select.measured(table, OUTPUT_POSITION)[[*keys, "value"]].rename(columns={"value": "position"})
    placed = rows[~rows["layer"].isin(_ENDS)].merge(places, on=keys).astype({"position": int})
    pairs = zip(placed["condition"], placed["layer"], strict=True)
    return placed.assign(common=[layer in common.get(condition, ()) for condition, layer in pairs], mark="seed")


def _slopes(rows: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """One condition's slopes: step, layer, common, seed, value."""
    wide = rows.pivot(index="step", columns=["layer", "common", "seed", "feature"], values="value")
    ended = wide[::-1].isna().cummin()[::-1]  # after a network's last value
    shared = wide.ffill()[(wide.notna() | ended).all(axis=1)]
    keys = ["step", "layer", "common"]
    tall = pd.DataFrame(shared.stack([*keys[1:], "seed"], future_stack=True))  # one column per feature
    x = places.pivot(index="seed", columns="feature", values="value")
    falls = {
        place: _falls(values.droplevel([*keys]), x)
        for place, values in tall.groupby(level=keys, sort=False)  # by level: a feature may be called "common"
    }
    slopes = pd.concat(falls, names=keys).rename("value").reset_index().astype({"common": bool})
    return slopes.assign(condition=rows["condition"].iloc[0], mark="seed")


def _falls(values: pd.DataFrame, places: pd.DataFrame) -> pd.Series:
    """How much each network's values fall per position, `[seed]`; both tables are `[seed, feature]`."""
    x = places.reindex(values.index, columns=values.columns).to_numpy(float)
    return pd.Series(-slopes(x, values.to_numpy(float)), index=values.index)


def _means(seeds: pd.DataFrame, x: str) -> pd.DataFrame:
    return select.means(seeds, ["condition", "layer", "common", x])


def _numbers(*parts: pd.DataFrame) -> pd.DataFrame:
    """Everything drawn and the values of the networks, without empty columns."""
    numbers = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return numbers.reindex(columns=_COLUMNS).dropna(axis="columns", how="all")


def _nothing(name: str, title: str, numbers: pd.DataFrame) -> Figure:
    sentence = "No output positions: no network that reports several features passed the accuracy criterion."
    return empty_figure(name, title, sentence, numbers)


def _colours(seeds: pd.DataFrame, common: Common, *, untrained: bool = False) -> dict[str, str]:
    """The key: shared read-outs from input to output, then the others under a heading."""
    drawn = set(seeds["layer"])
    shared = [name for name in dict.fromkeys(itertools.chain.from_iterable(common.values())) if name in drawn]
    others = [name for name in select.in_order(drawn) if name not in shared]
    key = _sequential(shared, _COMMON) | ({_UNTRAINED: style.grey()} if untrained else {})
    return key | ({_NOT_COMMON: style.muted()} | _sequential(others, _OTHER) if others else {})


def _sequential(names: Sequence[str], palettes: Sequence[str]) -> dict[str, str]:
    """Colours that darken from layer to layer; names that differ in more than a number get different palettes."""
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(re.sub(r"\d+", "*", name), []).append(name)
    colours: dict[str, str] = {}
    for layers, palette in zip(kinds.values(), itertools.cycle(palettes), strict=False):
        shades = matplotlib.colormaps[palette](np.linspace(0.95, 0.5, len(layers))[::-1])
        colours.update(zip(layers, map(to_hex, shades), strict=True))
    return {name: colours[name] for name in names}


def _drawing(
    numbers: pd.DataFrame,
    conditions: pd.DataFrame,
    colours: dict[str, str],
    words: tuple[str, str],
    draw: Callable[[Axes, pd.DataFrame, dict[str, str]], None],
) -> matplotlib.figure.Figure:
    """A block per condition: shared read-outs, and below them the others; `words` are the axis titles."""
    two = _NOT_COMMON in colours
    size = (_WIDTH, _UPPER + _LOWER + 0.2 if two else _UPPER)
    drawing, blocks = marks.condition_panels(conditions, size, colours, gap=(0.65, 0.85), left=1.0)
    _dash(drawing, list(colours))
    for block in blocks:
        inner = block.cell.subgridspec(2 if two else 1, 1, height_ratios=(_UPPER, _LOWER) if two else None, hspace=0.14)
        here = numbers[numbers["condition"] == block.name]
        parts = [rows for rows in (here[here["common"]], here[~here["common"]]) if len(rows)]
        panels = [drawing.add_subplot(inner[place]) for place in range(max(len(parts), 1))]
        style.panel_title(panels[0], block.title)
        for axes, rows in zip(panels, parts, strict=False):
            axes.yaxis.set_major_locator(MaxNLocator(4, steps=(1, 2, 2.5, 5, 10)))
            draw(axes, rows, colours)
            axes.tick_params(labelbottom=axes is panels[-1])
        if not parts:
            style.say(panels[0], "not analysed")
        if block.leftmost:
            panels[0].set_ylabel(words[1])
        panels[-1].set_xlabel(words[0])
    return drawing


def _dash(drawing: matplotlib.figure.Figure, names: list[str]) -> None:
    """Style the key like the lines: dashed for read-outs that are not shared, thin for the untrained network."""
    common = names.index(_NOT_COMMON) if _NOT_COMMON in names else len(names)
    for place, (name, line) in enumerate(zip(names, drawing.legends[0].get_lines(), strict=True)):
        line.set_linestyle("-" if place < common else (0, (2, 1)))
        line.set_linewidth(0.9 if name == _UNTRAINED else 2.2)


def draw_profile(axes: Axes, rows: pd.DataFrame, colours: dict[str, str]) -> None:
    """Draw the read-outs over positions, and the last shared one before training."""
    _lines(axes, rows[rows["mark"] == "mean"], "position", colours)
    untrained = rows[rows["mark"] == "untrained"].sort_values("position")
    if len(untrained):
        axes.plot(untrained["position"], untrained["value"], color=style.grey(), linewidth=0.9, zorder=2)
    axes.xaxis.set_major_locator(FixedLocator(sorted(rows["position"].unique())))
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g}%")
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))


def draw_slopes(axes: Axes, rows: pd.DataFrame, colours: dict[str, str]) -> None:
    """Draw the read-outs over training steps."""
    _lines(axes, rows[rows["mark"] == "mean"], "step", colours)
    marks.step_axis(axes, rows["step"])
    axes.axhline(0, color=style.ink(), linewidth=0.8, zorder=1)


def _lines(axes: Axes, means: pd.DataFrame, x: str, colours: dict[str, str]) -> None:
    """One line per read-out, with its interval as a band."""
    for (layer, common), line in means.groupby(["layer", "common"], sort=False):
        line = line.sort_values(x)
        drawn, width, size = ("-", 1.8, 3) if common else ("--", 1.2, 2.2)
        colour = colours[str(layer)]
        axes.plot(line[x], line["value"], drawn, color=colour, linewidth=width, marker="o", markersize=size, zorder=3)
        marks.band(axes, line, x, colour, alpha=0.18)


def _caption(seeds: pd.DataFrame, conditions: pd.DataFrame) -> str:
    others = (
        " Solid lines, in the upper panels, are read-outs that all outputs share. Dashed lines, in the lower panels, "
        "are other read-outs: the state from which an output is read holds that output, whatever else it represents."
    )
    return (
        "Lines are means over networks, bands 95 % intervals over networks (Student’s t)."
        f"{'' if seeds['common'].all() else others} Vertical axes differ between panels. "
        f"{select.networks_sentence(seeds, conditions)}{select.drawn_sentence(conditions)}"
    )
