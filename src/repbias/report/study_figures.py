"""The figures of a study's page: which there are, in which order, when they apply, and what each is drawn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

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


def study_figures(result: StudyResult) -> list[Figure]:
    """Return a study's figures, in the order of its page; a new figure is a function in `figures`, and called here."""
    return [] if result.table.empty else list(_figures(StudyTables(result)))


def _figures(tables: StudyTables) -> Iterator[Figure]:
    study, result, conditions, findings = tables.study, tables.result, tables.conditions, tables.findings
    features = feature_names(result)
    yield feature_gap(tables.analysed, conditions)
    if not result.claims.empty:
        yield claim_forest(result.claims, conditions)
    if study.claims and forms_grid(conditions):
        first = study.claims[0]
        yield condition_map(contrast_values(first, result), conditions, first.statement, first.contrast.describe())
    if study.ladders:
        points = [one.points(result.plan.conditions, tables.trained) for one in study.ladders]
        labels = {one.title: (one.x.contrast.describe(), one.y.contrast.describe()) for one in study.ladders}
        yield ladder(pd.concat(points, ignore_index=True), labels)
    yield from _effects(tables)
    if not tables.levels.empty:
        yield trend(tables.levels)
    if not tables.in_sequence.empty:
        yield position_profile(tables.analysed, tables.in_sequence, tables.hidden_layers)
        yield position_slopes(tables.analysed, tables.in_sequence, tables.hidden_layers)
    if "pairs" in findings:
        blocks = findings.get("blocks", pd.DataFrame(columns=list(TABLES["blocks"])))
        yield network_matrix(findings["pairs"], blocks, study.analysis.pairs if study.analysis else {})
    if "curves" in findings:
        yield from curve_figures(
            findings["curves"], conditions, study.analysis.curves if study.analysis else {}, features
        )
    if "points" in findings:
        yield stimulus_map(findings["points"], conditions)
    # Learning curves are of all networks, also of those that failed the criterion.
    yield learning_curves(labelled_features(result.table, result), conditions)
    yield layer_profile(tables.analysed, conditions)
    yield unit_histogram(tables.units, tables.analysed, conditions)
    if any(has_probes(condition) for condition in result.plan.conditions):
        yield layer_contents(tables.with_probes, conditions, features)


def _effects(tables: StudyTables) -> Iterator[Figure]:
    """A figure for each crossing; those after the first are numbered."""
    conditions = tables.result.plan.conditions
    for number, crossing in enumerate(tables.study.effects, start=1):
        levels, cells = crossing.levels(conditions), crossing.cells(conditions, tables.trained)
        effects = crossing.table(levels, cells)
        figure = factor_effects(effects, cells, levels, crossing.contrast.describe(), crossing.sesoi)
        yield figure if number == 1 else replace(figure, name=f"{figure.name}-{number}")


def curve_figures(
    curves: pd.DataFrame, conditions: pd.DataFrame, labels: dict[str, tuple[str, str]], features: tuple[str, ...]
) -> Iterator[Figure]:
    """Yield the figures of an analysis's curves; curves of channels by rank have a separate figure."""
    is_rank = curves["curve"].isin([channels.MAP, channels.MEAN])
    if is_rank.any():
        yield channel_spread(curves[is_rank], conditions, channels.MAP, channels.MEAN, features)
    if not is_rank.all() or curves.empty:
        yield analysis_curves(curves[~is_rank], conditions, labels, features)
