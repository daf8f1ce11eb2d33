"""Stimuli as a representation arranges them: the distances between them, and a layout in a plane."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from repbias.figures.keys import key_above
from repbias.figures.style import Style, feature_colours, panel, plain


def plot_rdm(
    rdm: npt.ArrayLike, labels: npt.ArrayLike | None = None, *, ax: Axes | None = None, style: Style = "repbias"
) -> Axes:
    """Draw the distances between stimuli as a coloured square, with the classes of one feature beside each other.

    Parameters
    ----------
    rdm : `[stimulus, stimulus]`, such as `repbias.rdm` returns.
    labels : class labels or names of one feature, `[stimulus]`. The stimuli are sorted by them, and lines separate the
        classes. Without labels the order stays as it is.
    ax : axes to draw on; new ones by default.
    style : "repbias", or "user" to follow your own Matplotlib settings.

    Returns
    -------
    The axes.

    Raises
    ------
    ValueError : an array that is not square, or labels of another length.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> responses = np.random.default_rng(0).normal(size=(20, 8))
    >>> axes = repbias.plot_rdm(repbias.rdm(responses), labels=np.arange(20) % 2)
    >>> axes.get_xlabel()
    'stimulus'
    """
    distances = np.asarray(rdm, dtype=float)
    n = len(distances)
    if distances.ndim != 2 or distances.shape != (n, n):
        raise ValueError(f"rdm must be square, [stimulus, stimulus], got shape {distances.shape}: see repbias.rdm")
    classes = _classes(labels, n)
    order = np.argsort(classes, kind="stable") if classes is not None else np.arange(n)
    with panel(ax, style, 3.9, 3.3) as axes:
        image = axes.imshow(distances[np.ix_(order, order)], cmap="viridis" if style == "repbias" else None)
        axes.figure.colorbar(image, ax=axes, label="distance")
        axes.set(xlabel="stimulus", ylabel="stimulus")
        axes.spines[:].set_visible(False)
        if classes is not None:
            _name_classes(axes, classes[order])
    return axes


def plot_layout(
    layout: npt.ArrayLike, labels: npt.ArrayLike | None = None, *, ax: Axes | None = None, style: Style = "repbias"
) -> Axes:
    """Draw stimuli as points in a plane, such as the layout of `repbias.tsne`, coloured by the classes of one feature.

    Parameters
    ----------
    layout : `[stimulus, 2]`.
    labels : class labels or names of one feature, `[stimulus]`.
    ax : axes to draw on; new ones by default.
    style : "repbias", or "user" to follow your own Matplotlib settings.

    Returns
    -------
    The axes, without ticks: the coordinates of t-SNE have no units.

    Raises
    ------
    ValueError : an array of another shape, or labels of another length.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> points = np.random.default_rng(0).normal(size=(30, 2))
    >>> axes = repbias.plot_layout(points, labels=np.repeat(["face", "house"], 15))
    >>> [text.get_text() for text in axes.get_legend().get_texts()]
    ['face', 'house']
    """
    points = np.asarray(layout, dtype=float)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"layout must be [stimulus, 2], got shape {points.shape}: see repbias.tsne")
    classes = _classes(labels, len(points))
    classes = np.full(len(points), "") if classes is None else classes
    with panel(ax, style, 3.6, 3.3) as axes:
        kinds = np.unique(classes)
        colours = feature_colours(map(str, kinds))
        for kind in kinds:
            x, y = points[classes == kind].T
            axes.plot(x, y, "o", color=colours[str(kind)], markersize=3.5, markeredgewidth=0, alpha=0.8)
        axes.set(xticks=[], yticks=[], adjustable="datalim", aspect="equal")
        axes.spines[:].set_visible(True)
        if labels is not None:
            key_above(axes, colours)
    return axes


def _classes(labels: npt.ArrayLike | None, n: int) -> npt.NDArray[np.generic] | None:
    if labels is None:
        return None
    classes = np.asarray(labels)
    if classes.shape != (n,):
        raise ValueError(
            f"labels must be those of one feature, one for each of the {n} stimuli, got shape {classes.shape}"
        )
    return classes


def _name_classes(axes: Axes, classes: npt.NDArray[np.generic]) -> None:
    """Separate the classes of sorted stimuli by lines, and name each in its middle."""
    names, start, count = np.unique(classes, return_index=True, return_counts=True)
    for edge in start[1:] - 0.5:
        axes.axhline(edge, color="white", linewidth=1)
        axes.axvline(edge, color="white", linewidth=1)
    if len(names) <= 12:
        shown = [plain(name, 12, 1) for name in names]
        middle = start + (count - 1) / 2
        axes.set_xticks(middle, shown, parse_math=False)
        axes.set_yticks(middle, shown, parse_math=False)
    axes.tick_params(length=0)
