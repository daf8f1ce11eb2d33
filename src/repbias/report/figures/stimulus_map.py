"""Stimuli in two dimensions, as t-SNE places a layer's responses, coloured by one feature after another."""

from __future__ import annotations

import itertools

import pandas as pd
from matplotlib.axes import Axes

from repbias.report.figures import select, style
from repbias.report.figures.figure import Figure, empty_figure

NAME, TITLE = "stimulus-map", "Stimuli, placed by the responses of a layer"
_COLUMNS = ("condition", "seed", "layer", "stimulus", "x", "y")
_SIDE, _HEAD, _GAP, _EDGE = 2.15, 0.66, 0.3, 0.2
_LETTERS = 25  # of a title, to fit over a panel


@style.house_style()
def stimulus_map(points: pd.DataFrame, conditions: pd.DataFrame) -> Figure:
    """Draw the stimuli in the first network of each condition, with one column of panels per feature.

    There is one row per condition, or, with several layers, one row per condition and layer.

    Parameters
    ----------
    points : ``condition``, ``seed``, ``layer``, ``stimulus``, ``x``, ``y``, and one column of labels per feature.
    conditions : one row per condition; its order is the order of the rows.

    Returns
    -------
    The figure; ``numbers`` has the mark ``stimulus``.
    """
    select.require_columns(points, _COLUMNS, "points")
    features = [str(name) for name in points.columns if name not in _COLUMNS]
    here = conditions[conditions["condition"].isin(set(points["condition"]))]
    if here.empty or not features:
        sentence = "No map of stimuli: the analysis has not been run, or no network passed the accuracy criterion."
        return empty_figure(NAME, TITLE, sentence, points.assign(mark="stimulus"))
    shown, titles = select.drawn(here)["condition"], select.titles(conditions)
    rows = _rows(points, {name: titles[name] for name in shown})
    gap, margins = (_GAP, _HEAD), (_EDGE, _EDGE, _EDGE, _HEAD)
    drawing, panels = style.tiles(len(rows) * len(features), len(features), (_SIDE, _SIDE), gap, margins)
    for axes, ((title, layer, own), feature) in zip(panels, itertools.product(rows, features), strict=True):
        by = style.plain(f"{layer}by {feature}", _LETTERS, 1)
        axes.set_title(f"{style.plain(title, _LETTERS, 2)}\n{by}", parse_math=False, pad=6)
        draw_stimuli(axes, own, feature)
    numbers = pd.concat([own for _, _, own in rows], ignore_index=True).assign(mark="stimulus")
    caption = (
        "Each point is a test stimulus, placed by t-SNE of the layer’s responses: nearby points have similar "
        "responses, but distances between clusters mean little. Each condition is represented by the network with the "
        f"lowest seed. Colours are the classes of the feature named over the panel.{select.drawn_sentence(here)}"
    )
    return Figure(NAME, TITLE, caption, drawing, numbers)


def _rows(points: pd.DataFrame, titles: dict[str, str]) -> list[tuple[str, str, pd.DataFrame]]:
    """Title, layer (if there are several) and points of each row: a condition's first network, layer by layer."""
    rows = []
    for condition, title in titles.items():
        own = points[points["condition"] == condition]
        own = own[own["seed"] == own["seed"].min()]
        layers = list(dict.fromkeys(own["layer"]))
        rows += [(title, f"{one}, " if len(layers) > 1 else "", own[own["layer"] == one]) for one in layers]
    return rows


def draw_stimuli(axes: Axes, points: pd.DataFrame, feature: str) -> None:
    """Draw the stimuli in the colours of a feature's classes."""
    classes = sorted(points[feature].dropna().unique())
    if not classes:
        style.say(axes, "not a feature here")
    for value, colour in style.feature_colours([str(value) for value in classes]).items():
        chosen = points[points[feature].astype(str) == value]
        axes.plot(
            chosen["x"], chosen["y"], "o", color=colour, markersize=2.2, markeredgewidth=0, alpha=0.7, rasterized=True
        )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color=style.RULE)
