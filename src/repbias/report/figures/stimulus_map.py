"""The stimuli as a layer lays them out in two dimensions, coloured by one feature after another."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from repbias.report.figures import select, style
from repbias.report.figures.figure import Figure

TITLE = "The stimuli as the layer lays them out"
_COLUMNS = ("condition", "member", "layer", "stimulus", "x", "y")
_SIDE, _HEAD, _GAP, _EDGE = 2.15, 0.5, 0.3, 0.2


@style.house_style()
def stimulus_map(points: pd.DataFrame, conditions: pd.DataFrame) -> Figure:
    """A picture of the first member of each condition: a row a condition, a column a feature that colours the stimuli.

    Parameters
    ----------
    points : ``condition``, ``member``, ``layer``, ``stimulus``, ``x``, ``y``, and a column a feature with its labels.
    conditions : one row a condition; its order is the order of the rows.
    """
    select.require_columns(points, _COLUMNS, "points")
    features = [str(name) for name in points.columns if name not in _COLUMNS]
    titles = {name: t for name, t in select.drawn_titles(conditions).items() if name in set(points["condition"])}
    if points.empty or not features:
        sentence = "No picture of the stimuli: the analysis has not been done, or no member passed the gate."
        return Figure("stimulus-map", TITLE, sentence, style.sentence_only(sentence), points)
    width = 2 * _EDGE + len(features) * _SIDE + (len(features) - 1) * _GAP
    height = len(titles) * (_SIDE + _HEAD) + _EDGE
    drawing = style.canvas(width, height)
    shown = []
    for row, (condition, title) in enumerate(titles.items()):
        own = points[points["condition"] == condition]
        own = own[own["member"] == own["member"].min()]
        shown.append(own)
        for column, feature in enumerate(features):
            left = _EDGE + column * (_SIDE + _GAP)
            bottom = height - (row + 1) * (_SIDE + _HEAD)
            axes = drawing.add_axes((left / width, bottom / height, _SIDE / width, _SIDE / height))
            style.panel_title(axes, f"{title}: by {feature}")
            _draw(axes, own, feature)
    caption = (
        "Each point is a test stimulus, placed by t-SNE of the layer’s responses: near points have similar responses, "
        "distances between clusters mean little. Of each condition the member with the lowest seed is drawn; the same "
        f"points are coloured by the class of one feature after another.{select.drawn_sentence(conditions)}"
    )
    return Figure("stimulus-map", TITLE, caption, drawing, pd.concat(shown, ignore_index=True))


def _draw(axes: Axes, points: pd.DataFrame, feature: str) -> None:
    classes = sorted(points[feature].dropna().unique())
    for value, colour in style.feature_colours([str(value) for value in classes]).items():
        chosen = points[points[feature].astype(str) == value]
        axes.plot(
            chosen["x"], chosen["y"], "o", color=colour, markersize=2.2, markeredgewidth=0, alpha=0.7, rasterized=True
        )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color=style.RULE)
