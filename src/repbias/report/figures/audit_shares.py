"""The variance of each layer that features explain: in all, uniquely and shared, and in the leading components."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from repbias.audit.measures import EXPLAINED
from repbias.audit.report import AuditReport
from repbias.core.results import ALL_FEATURES
from repbias.report.figures import style
from repbias.report.figures.audit import drawn_layers, left_out, panels
from repbias.report.figures.figure import Figure

SHARES_TITLE = "Variance explained: in all, unique and shared"
COMPONENTS_TITLE = "Variance explained in the leading components"
_SHARES = [EXPLAINED, "r2_unique", "r2_common"]
_INK, _GREY = style.INK, "#8b939c"
_MOST_COMPONENTS = 10
_MOST_FEATURES = 24
_IN_A_ROW = 3
_ROW, _CELL = 0.42, 0.36


@style.house_style()
def variance_shares(report: AuditReport) -> Figure:
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
    colours = {**style.feature_colours(report.features), ALL_FEATURES: _INK}
    key = {name: colours[name] for name in names}
    size = (2.6, max(_ROW * len(names), 0.8))
    drawing, made = panels(layers, size, key, gap=(0.3, 0.8), left=1.75)
    limits = (min(0.0, float(numbers["ci_low"].min()), float(numbers["value"].min())) * 1.1,
              max(float(numbers["ci_high"].max()), float(numbers["value"].max()), 0.05) * 1.05)  # fmt: skip
    for panel in made:
        _draw_bars(panel.axes, numbers[numbers["layer"] == panel.layer], names, colours)
        panel.axes.set_xlim(*limits)
        _name_rows(panel.axes, names, leftmost=panel.leftmost)
        panel.axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        if panel.lowest:
            panel.axes.set_xlabel("share of variance explained")
    return Figure("variance-shares", SHARES_TITLE, _shares_caption(report, layers), drawing, numbers)


@style.house_style()
def component_contents(report: AuditReport) -> Figure:
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
    drawing, made = panels(layers, size, {}, columns, gap=(0.3, 0.95), left=1.75, below=0.75)
    for panel in made:
        _draw_cells(panel.axes, numbers[numbers["layer"] == panel.layer], names, count)
        _name_rows(panel.axes, names, leftmost=panel.leftmost)
        panel.axes.set_xlabel("component, and its share of the variance")
    return Figure("component-contents", COMPONENTS_TITLE, _components_caption(report, layers), drawing, numbers)


def _drawn_features(report: AuditReport) -> list[str]:
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
        axes.plot([row["ci_low"], row["ci_high"]], [y, y], color=_INK, linewidth=0.9, solid_capstyle="butt", zorder=3)
    axes.axvline(0, color=_GREY, linewidth=0.7, zorder=1)


def _draw_cells(axes: Axes, rows: pd.DataFrame, names: list[str], count: int) -> None:
    """Draw a grey cell per feature and component with its number; darker cells explain more of the component."""
    places = {name: place for place, name in enumerate(names)}
    for row in rows.to_dict("records"):
        x, y, shade = row["component"] - 1, places[row["feature"]], min(max(row[EXPLAINED], 0.0), 1.0)
        axes.bar(x, 0.92, 0.94, bottom=y - 0.46, color=str(0.97 - 0.75 * shade), linewidth=0, zorder=2)
        ink = "white" if shade > 0.5 else style.INK
        text = f"{100 * max(row[EXPLAINED], 0.0):.0f}"
        axes.text(x, y, text, ha="center", va="center_baseline", fontsize=7.5, color=ink, zorder=3)
    shares = rows.drop_duplicates("component").set_index("component")["share"]
    labels = [f"{index}\n{shares[index]:.0%}" if index in shares else str(index) for index in range(1, count + 1)]
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_xticks(range(count), labels, fontsize=7)
    axes.tick_params(axis="x", length=0)
    axes.spines[:].set_visible(False)


def _name_rows(axes: Axes, names: list[str], *, leftmost: bool) -> None:
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.set_yticks(range(len(names)), [style.plain(name, 24, 1) for name in names], parse_math=False)
    axes.tick_params(axis="y", length=0, labelcolor=style.INK, labelleft=leftmost)


def _shares_caption(report: AuditReport, layers: list[str]) -> str:
    return (
        "Share of each layer’s variance by feature. Full bar: what the feature explains. Pale bar: its unique "
        "variance, which all features together would lose without it. Hatched bar: the rest, which other features "
        "explain as well; it is negative where features explain more together than the sum of what each explains. Thin "
        f"lines are 95 % intervals. “{ALL_FEATURES}” is what all features explain together.{left_out(report, layers)}"
        f"{_features_left_out(report)}"
    )


def _components_caption(report: AuditReport, layers: list[str]) -> str:
    return (
        "Per cent of each leading principal component that each feature explains; darker cells explain more. Below "
        "each component is its share of the layer’s variance. An analysis that keeps only the first components sees "
        f"only what they contain.{left_out(report, layers)}{_features_left_out(report)}"
    )


def _features_left_out(report: AuditReport) -> str:
    if len(report.features) <= _MOST_FEATURES:
        return ""
    return (
        f" Only the {_MOST_FEATURES} of {len(report.features)} features that explain most are drawn; the table has all."
    )
