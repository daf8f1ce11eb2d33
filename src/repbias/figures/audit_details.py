"""The details of an audit: shares of variance, contents of leading components, and scores of single features."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from repbias.core.results import ALL_FEATURES, EXPLAINED
from repbias.figures import marks, style
from repbias.figures.audit import AuditTables, drawn_layers, layer_panels, left_out
from repbias.figures.figure import Figure

SHARES_TITLE = "Variance explained: in all, unique and shared"
COMPONENTS_TITLE = "Variance explained in the leading components"
SCORES_TITLE = "Scores of a model that represents one feature alone"
_SHARES = [EXPLAINED, "r2_unique", "r2_common"]
_MOST_COMPONENTS, _MOST_FEATURES = 10, 24
_IN_A_ROW, _ROW, _CELL = 3, 0.42, 0.36
# By method: its name, the measure as recorded, and that with equal shares.
_METHODS = {
    "rsa": ("RSA", "rsa", "rsa_equalised"),
    "cka": ("CKA", "cka", "cka_equalised"),
    "r2": ("R²", EXPLAINED, "r2_equalised"),
}
_BEFORE, _AFTER = 0.0, 0.52  # places of a method's two columns; the next method is one further


@style.applied()
def variance_shares(report: AuditTables) -> Figure:
    """R2 of each feature in each layer as bars with intervals: in all, uniquely, and shared with other features.

    Returns
    -------
    the figure; ``numbers`` has the mark ``bar`` and the columns layer, feature, measure, value, ci_low and ci_high.
    """
    layers = drawn_layers(report)
    names = [*_drawn_features(report), ALL_FEATURES]
    results = report.results
    chosen = results["measure"].isin(_SHARES) & results["layer"].isin(layers) & results["feature"].isin(names)
    numbers = results.loc[chosen, ["layer", "feature", "measure", "value", "ci_low", "ci_high"]].assign(mark="bar")
    colours = {**style.feature_colours(report.features), ALL_FEATURES: style.ink()}
    key = {name: colours[name] for name in names}
    size = (2.6, max(_ROW * len(names), 0.8))
    drawing, panels = layer_panels(layers, size, key, gap=(0.3, 0.8), left=1.75)
    limits = marks.share_limits(numbers[["value", "ci_low", "ci_high"]], 1.05)
    for panel in panels:
        axes = panel.axes(x="share of variance explained")
        _draw_bars(axes, numbers[numbers["layer"] == panel.name], names, colours)
        axes.set_xlim(*limits)
    return Figure("variance-shares", SHARES_TITLE, _shares_caption(report, layers), drawing, numbers)


@style.applied()
def component_contents(report: AuditTables) -> Figure:
    """R2 of the leading principal components by each feature: a panel per layer, a row per feature.

    Returns
    -------
    the figure; ``numbers`` has the mark ``cell`` and the columns layer, feature, component (from 1), share and
    r2_unbiased.
    """
    layers = drawn_layers(report)
    names = _drawn_features(report)
    table = report.components
    chosen = table["layer"].isin(layers) & table["feature"].isin(names) & (table["component"] < _MOST_COMPONENTS)
    numbers = table.loc[chosen, ["layer", "feature", "component", "share", EXPLAINED]].assign(mark="cell")
    numbers["component"] += 1
    count = int(numbers["component"].max())
    size = (max(_CELL * count, 1.6), max(0.27 * len(names), 0.6))
    columns = max(min(_IN_A_ROW, int(11 / (size[0] + 0.3))), 1)
    drawing, panels = layer_panels(layers, size, {}, columns, gap=(0.3, 0.95), left=1.75, below=0.75)
    for panel in panels:
        axes = panel.axes()
        _draw_cells(axes, numbers[numbers["layer"] == panel.name], names, count)
        axes.set_xlabel("component, and its share of the variance")
    return Figure("component-contents", COMPONENTS_TITLE, _components_caption(report, layers), drawing, numbers)


def _drawn_features(report: AuditTables) -> list[str]:
    """Return the features that are drawn: all, or, of many, those that explain most in any layer, in their order."""
    if len(report.features) <= _MOST_FEATURES:
        return list(report.features)
    r2 = report.results[report.results["measure"] == EXPLAINED].groupby("feature")["value"].max()
    most = set(r2.reindex(list(report.features)).nlargest(_MOST_FEATURES).index)
    return [name for name in report.features if name in most]


def _draw_bars(axes: Axes, rows: pd.DataFrame, names: list[str], colours: dict[str, str]) -> None:
    """Draw three bars per feature, full, pale and hatched, so that colour is not needed."""
    places = {name: place for place, name in enumerate(names)}
    looks: dict[str, dict[str, Any]] = {
        EXPLAINED: {"alpha": 0.95},
        "r2_unique": {"alpha": 0.4},
        "r2_common": {"fill": False, "hatch": "//////"},
    }
    shifts = {EXPLAINED: -0.26, "r2_unique": 0.0, "r2_common": 0.26}
    for row in rows.to_dict("records"):
        colour, y = colours[row["feature"]], places[row["feature"]] + shifts[row["measure"]]
        axes.barh(
            y, row["value"], 0.23, facecolor=colour, edgecolor=colour, linewidth=0.5, **looks[row["measure"]], zorder=2
        )
        axes.plot(
            [row["ci_low"], row["ci_high"]], [y, y], color=style.ink(), linewidth=0.9, solid_capstyle="butt", zorder=3
        )
    marks.share_axis(axes.xaxis)
    marks.zero_line(axes, vertical=True)
    marks.name_rows(axes, names, 24)


def _draw_cells(axes: Axes, rows: pd.DataFrame, names: list[str], count: int) -> None:
    """Draw a grey cell per feature and component with its number; darker cells explain more of the component."""
    places = {name: place for place, name in enumerate(names)}
    for row in rows.to_dict("records"):
        x, y, shade = row["component"] - 1, places[row["feature"]], min(max(row[EXPLAINED], 0.0), 1.0)
        axes.bar(x, 0.92, 0.94, bottom=y - 0.46, color=str(0.97 - 0.75 * shade), linewidth=0, zorder=2)
        ink = "white" if shade > 0.5 else style.INK
        text = f"{100 * max(row[EXPLAINED], 0.0):.0f}"
        axes.text(x, y, text, ha="center", va="center_baseline", fontsize=style.points(7.5), color=ink, zorder=3)
    shares = rows.drop_duplicates("component").set_index("component")["share"]
    labels = [f"{index}\n{shares[index]:.0%}" if index in shares else str(index) for index in range(1, count + 1)]
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_xticks(range(count), labels, fontsize=style.points(7))
    axes.tick_params(axis="x", length=0)
    axes.spines[:].set_visible(False)
    marks.name_rows(axes, names, 24)


def _shares_caption(report: AuditTables, layers: list[str]) -> str:
    return (
        "Share of each layer’s variance by feature. Full bar: what the feature explains. Pale bar: its unique "
        "variance, which all features together would lose without it. Hatched bar: the rest, which other features "
        "explain as well; it is negative where features explain more together than the sum of what each explains. Thin "
        f"lines are 95 % intervals. “{ALL_FEATURES}” is what all features explain together.{left_out(report, layers)}"
        f"{_features_left_out(report)}"
    )


def _components_caption(report: AuditTables, layers: list[str]) -> str:
    return (
        "Per cent of each leading principal component that each feature explains; darker cells explain more. Below "
        "each component is its share of the layer’s variance. An analysis that keeps only the first components sees "
        f"only what they contain.{left_out(report, layers)}{_features_left_out(report)}"
    )


def _features_left_out(report: AuditTables) -> str:
    if len(report.features) <= _MOST_FEATURES:
        return ""
    return (
        f" Only the {_MOST_FEATURES} of {len(report.features)} features that explain most are drawn; the table has all."
    )


@style.applied()
def scores_before_and_after(report: AuditTables) -> Figure:
    """RSA, CKA and R2 of each feature as lines from before to after: a panel per layer, two columns per method.

    Returns
    -------
    the figure; ``numbers`` has the mark ``score`` and the columns layer, feature, method, shares ("recorded" or
    "equal"), value, ci_low and ci_high.
    """
    layers = drawn_layers(report)
    numbers = _scores(report, layers)
    colours = style.feature_colours(report.features)
    drawing, panels = layer_panels(layers, (3.3, 2.7), colours, gap=(0.3, 0.9), below=0.7)
    lowest = min(float(numbers["ci_low"].min()), float(numbers["value"].min()), 0.0)
    for panel in panels:
        axes = panel.axes(y="score")
        _columns(axes, lowest)
        _draw_lines(axes, numbers[numbers["layer"] == panel.name], colours)
    return Figure("scores", SCORES_TITLE, _scores_caption(report, layers), drawing, numbers)


def _scores(report: AuditTables, layers: list[str]) -> pd.DataFrame:
    results = report.results[report.results["layer"].isin(layers) & report.results["feature"].isin(report.features)]
    found = []
    for method, (_, recorded, equal) in _METHODS.items():
        for shares, measure in (("recorded", recorded), ("equal", equal)):
            rows = results.loc[results["measure"] == measure, ["layer", "feature", "value", "ci_low", "ci_high"]]
            found.append(rows.assign(method=method, shares=shares, mark="score"))
    return pd.concat(found, ignore_index=True).dropna(subset="value")


def _columns(axes: Axes, lowest: float) -> None:
    """Name the two columns of each method, with the name of the method below both."""
    axes.set_xlim(-0.24, 2 + _AFTER + 0.24)
    axes.set_ylim(lowest * 1.1 - 0.02, 1.02)
    places = [number + side for number in range(len(_METHODS)) for side in (_BEFORE, _AFTER)]
    axes.set_xticks(places, ["before", "after"] * len(_METHODS), fontsize=style.points(7.5))
    axes.tick_params(axis="x", length=0)
    for number, (name, *_) in enumerate(_METHODS.values()):
        place: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "ha": "center", "va": "top"}
        axes.text(number + _AFTER / 2, -0.13, name, color=style.ink(), **place)
    marks.zero_line(axes)


def _draw_lines(axes: Axes, rows: pd.DataFrame, colours: dict[str, str]) -> None:
    """Draw a line per feature and method, with full points as recorded and open ones with equal shares."""
    shifts = dict(zip(colours, style.spread(len(colours), min(0.04 * len(colours), 0.22)), strict=True))
    for (feature, method), both in rows.groupby(["feature", "method"], sort=False):
        number, colour = list(_METHODS).index(str(method)), colours[str(feature)]
        x = {"recorded": number + _BEFORE + shifts[str(feature)], "equal": number + _AFTER + shifts[str(feature)]}
        axes.plot([x[one] for one in both["shares"]], both["value"], color=colour, linewidth=1.2, alpha=0.75, zorder=2)
        for row in both.to_dict("records"):
            here, face = x[row["shares"]], colour if row["shares"] == "recorded" else style.paper()
            axes.plot([here, here], [row["ci_low"], row["ci_high"]], color=colour, linewidth=1.0, zorder=3)
            axes.plot(here, row["value"], "o", color=face, markeredgecolor=colour, markersize=4.5, zorder=4)
    if rows.empty:
        style.say(axes, "not measured")


def _scores_caption(report: AuditTables, layers: list[str]) -> str:
    return (
        "The score that a model which represents one feature and nothing else would have against each layer, in RSA "
        "(of squared Euclidean distances), debiased linear CKA, and variance explained. Full circles: as recorded. "
        "Open circles: after a linear map, fitted on other stimuli, that gives all features with unique variance equal "
        "shares. Where full circles are far apart, a score mainly reflects the strongest feature. Lines stay level for "
        "a feature that is not represented, and in a layer with fewer than two features that could be made equal. Bars "
        f"are 95 % intervals.{left_out(report, layers)}"
    )
