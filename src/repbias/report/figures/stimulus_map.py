"""The stimuli as a layer lays them out in two dimensions, coloured by one feature after another."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from repbias.report.figures import select, style
from repbias.report.figures.figure import Figure

TITLE = "The stimuli as the layer lays them out"
_COLUMNS = ("condition", "seed", "layer", "stimulus", "x", "y")
_SIDE, _HEAD, _GAP, _EDGE = 2.15, 0.66, 0.3, 0.2
_LETTERS = 25  # of a title, as many as fit over a panel


@style.house_style()
def stimulus_map(points: pd.DataFrame, conditions: pd.DataFrame) -> Figure:
    """A picture of the first network of each condition: a column a feature that colours the stimuli.

    There is a row a condition, or where several layers were laid out, a row each of them.

    Parameters
    ----------
    points : ``condition``, ``seed``, ``layer``, ``stimulus``, ``x``, ``y``, and a column a feature with its labels.
    conditions : one row a condition; its order is the order of the rows.

    Returns
    -------
    the figure; ``numbers`` has the mark ``stimulus``.
    """
    select.require_columns(points, _COLUMNS, "points")
    features = [str(name) for name in points.columns if name not in _COLUMNS]
    here = conditions[conditions["condition"].isin(set(points["condition"]))]
    if here.empty or not features:
        sentence = (
            "No picture of the stimuli: the analysis has not been done, or no network passed the accuracy criterion."
        )
        return Figure("stimulus-map", TITLE, sentence, style.sentence_only(sentence), points.assign(mark="stimulus"))
    shown, titles = select.drawn(here)["condition"], select.titles(conditions)
    rows = _rows(points, {name: titles[name] for name in shown})
    width = 2 * _EDGE + len(features) * _SIDE + (len(features) - 1) * _GAP
    height = len(rows) * (_SIDE + _HEAD) + _EDGE
    drawing = style.canvas(width, height)
    for row, (title, layer, own) in enumerate(rows):
        for column, feature in enumerate(features):
            left = _EDGE + column * (_SIDE + _GAP)
            bottom = height - (row + 1) * (_SIDE + _HEAD)
            axes = drawing.add_axes((left / width, bottom / height, _SIDE / width, _SIDE / height))
            by = style.plain(f"{layer}by {feature}", _LETTERS, 1)
            axes.set_title(f"{style.plain(title, _LETTERS, 2)}\n{by}", parse_math=False, pad=6)
            _draw(axes, own, feature)
    numbers = pd.concat([own for _, _, own in rows], ignore_index=True).assign(mark="stimulus")
    caption = (
        "Each point is a test stimulus, placed by t-SNE of the layer’s responses: near points have similar responses, "
        "distances between clusters mean little. Of each condition the network with the lowest seed is drawn; the same "
        f"points are coloured by the class of one feature after another.{select.drawn_sentence(here)}"
    )
    return Figure("stimulus-map", TITLE, caption, drawing, numbers)


def _rows(points: pd.DataFrame, titles: dict[str, str]) -> list[tuple[str, str, pd.DataFrame]]:
    """Title, layer (where there are several) and points of each row: a condition's first network, layer by layer."""
    rows = []
    for condition, title in titles.items():
        own = points[points["condition"] == condition]
        own = own[own["seed"] == own["seed"].min()]
        layers = list(dict.fromkeys(own["layer"]))
        rows += [(title, f"{one}, " if len(layers) > 1 else "", own[own["layer"] == one]) for one in layers]
    return rows


def _draw(axes: Axes, points: pd.DataFrame, feature: str) -> None:
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
