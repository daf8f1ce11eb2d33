"""The figures of a study's page: which there are, in which order, when they apply, and what each is drawn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from repbias.analyses import channels
from repbias.experiments.analysis import TABLES
from repbias.report.figures.analysis_curves import analysis_curves, channel_spread
from repbias.report.figures.analysis_maps import network_matrix, stimulus_map
from repbias.report.figures.curves import learning_curves
from repbias.report.figures.effects import factor_effects
from repbias.report.figures.figure import Figure
from repbias.report.figures.forest import claim_forest
from repbias.report.figures.gap import feature_gap
from repbias.report.figures.grid import condition_map, forms_grid
from repbias.report.figures.histogram import unit_histogram
from repbias.report.figures.layers import layer_contents, layer_profile
from repbias.report.figures.levels import ladder, trend
from repbias.report.figures.positions import position_profile, position_slopes
from repbias.report.study_tables import StudyTables, contrast_values, feature_names, has_probes, labelled_features
from repbias.runs.results import StudyResult


@dataclass(frozen=True)
class StudyFigure:
    """A figure of a study's page: how it is drawn (it may be several figures), and whether it applies."""

    draw: Callable[[StudyTables], Figure | Sequence[Figure]]
    applies: Callable[[StudyTables], bool] = lambda tables: True


def study_figures(result: StudyResult) -> list[Figure]:
    """Return a study's figures, in the order of its page; see `FIGURES`."""
    if result.table.empty:
        return []
    tables = StudyTables(result)
    figures: list[Figure] = []
    for figure in FIGURES:
        if figure.applies(tables):
            drawn = figure.draw(tables)
            figures += [drawn] if isinstance(drawn, Figure) else drawn
    return figures


def _map(tables: StudyTables) -> Figure:
    claim = tables.study.claims[0]
    values = contrast_values(claim, tables.result)
    return condition_map(values, tables.conditions, claim.statement, claim.contrast.describe())


def _ladders(tables: StudyTables) -> Figure:
    ladders = tables.study.ladders
    points = [one.points(tables.result.plan.conditions, tables.trained) for one in ladders]
    labels = {one.title: (one.x.contrast.describe(), one.y.contrast.describe()) for one in ladders}
    return ladder(pd.concat(points, ignore_index=True), labels)


def _effects(tables: StudyTables) -> list[Figure]:
    """A figure for each crossing; those after the first are numbered."""
    conditions, figures = tables.result.plan.conditions, []
    for number, crossing in enumerate(tables.study.effects, start=1):
        levels, cells = crossing.levels(conditions), crossing.cells(conditions, tables.trained)
        effects = crossing.table(levels, cells)
        figure = factor_effects(effects, cells, levels, crossing.contrast.describe(), crossing.sesoi)
        figures.append(figure if number == 1 else replace(figure, name=f"{figure.name}-{number}"))
    return figures


def _matrix(tables: StudyTables) -> Figure:
    analysis, blocks = tables.study.analysis, pd.DataFrame(columns=list(TABLES["blocks"]))
    titles = {} if analysis is None else analysis.pairs
    return network_matrix(tables.findings["pairs"], tables.findings.get("blocks", blocks), titles)


def _curves(tables: StudyTables) -> list[Figure]:
    analysis = tables.study.analysis
    titles = {} if analysis is None else analysis.curves
    return curve_figures(tables.findings["curves"], tables.conditions, titles, feature_names(tables.result))


def curve_figures(
    curves: pd.DataFrame, conditions: pd.DataFrame, labels: dict[str, tuple[str, str]], features: tuple[str, ...]
) -> list[Figure]:
    """Return the figures of an analysis's curves; curves of channels by rank have a separate figure."""
    is_rank = curves["curve"].isin([channels.MAP, channels.MEAN])
    figures = []
    if is_rank.any():
        figures.append(channel_spread(curves[is_rank], conditions, channels.MAP, channels.MEAN, features))
    if not is_rank.all() or curves.empty:
        figures.append(analysis_curves(curves[~is_rank], conditions, labels, features))
    return figures


FIGURES = (
    StudyFigure(lambda tables: feature_gap(tables.analysed, tables.conditions)),
    StudyFigure(
        lambda tables: claim_forest(tables.result.claims, tables.conditions),
        applies=lambda tables: not tables.result.claims.empty,
    ),
    StudyFigure(_map, applies=lambda tables: bool(tables.study.claims) and forms_grid(tables.conditions)),
    StudyFigure(_ladders, applies=lambda tables: bool(tables.study.ladders)),
    StudyFigure(_effects, applies=lambda tables: bool(tables.study.effects)),
    StudyFigure(lambda tables: trend(tables.levels), applies=lambda tables: not tables.levels.empty),
    StudyFigure(
        lambda tables: position_profile(tables.analysed, tables.in_sequence, tables.hidden_layers),
        applies=lambda tables: not tables.in_sequence.empty,
    ),
    StudyFigure(
        lambda tables: position_slopes(tables.analysed, tables.in_sequence, tables.hidden_layers),
        applies=lambda tables: not tables.in_sequence.empty,
    ),
    StudyFigure(_matrix, applies=lambda tables: "pairs" in tables.findings),
    StudyFigure(_curves, applies=lambda tables: "curves" in tables.findings),
    StudyFigure(
        lambda tables: stimulus_map(tables.findings["points"], tables.conditions),
        applies=lambda tables: "points" in tables.findings,
    ),
    StudyFigure(  # of all networks, also those that failed the criterion
        lambda tables: learning_curves(labelled_features(tables.result.table, tables.result), tables.conditions)
    ),
    StudyFigure(lambda tables: layer_profile(tables.analysed, tables.conditions)),
    StudyFigure(lambda tables: unit_histogram(tables.units, tables.analysed, tables.conditions)),
    StudyFigure(
        lambda tables: layer_contents(tables.with_probes, tables.conditions, feature_names(tables.result)),
        applies=lambda tables: any(has_probes(condition) for condition in tables.result.plan.conditions),
    ),
)
"""The figures of a study's page in their order. A new figure is a file in `figures` and a record here."""
