"""The figures of a study's page: which there are, in which order, when they apply, and what each is drawn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from repbias.analyses import channels
from repbias.experiments.analysis import TABLES
from repbias.experiments.evaluation import levels_table
from repbias.experiments.positions import OUTPUT_POSITION
from repbias.report.figures import select
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
from repbias.report.study_tables import (
    analysed_findings,
    analysed_networks,
    contrast_values,
    described_conditions,
    feature_names,
    in_layer_order,
    labelled_features,
    trained_networks,
)
from repbias.runs.results import StudyResult


def study_figures(result: StudyResult) -> list[Figure]:
    """Return a study's figures, in the order of its page; a new figure is a function in `figures`, and called here."""
    if result.table.empty:
        return []
    conditions = described_conditions(result)
    with_probes = analysed_networks(in_layer_order(result), result.networks)
    analysed = labelled_features(with_probes, result)
    figures = [feature_gap(analysed, conditions), *_of_claims(result, conditions)]
    sequential = select.in_conditions(conditions, result.table[result.table["measure"] == OUTPUT_POSITION])
    if not sequential.empty:
        hidden_layers = {condition.name: condition.model.layer_names for condition in result.plan.conditions}
        figures.append(position_profile(analysed, sequential, hidden_layers))
        figures.append(position_slopes(analysed, sequential, hidden_layers))
    figures += _of_analysis(result, conditions)
    # Learning curves are of all networks, also of those that failed the criterion.
    figures.append(learning_curves(labelled_features(result.table, result), conditions))
    figures.append(layer_profile(analysed, conditions))
    units = labelled_features(analysed_networks(result.units, result.networks), result)
    figures.append(unit_histogram(units, analysed, conditions))
    if any(len(one.task.measured_names) > len(one.task.feature_names) for one in result.plan.conditions):
        figures.append(layer_contents(with_probes, conditions, feature_names(result)))
    return figures


def _of_claims(result: StudyResult, conditions: pd.DataFrame) -> Iterator[Figure]:
    """Claims, and the contrasts that decide them."""
    study, trained = result.plan.study, trained_networks(result.table, result.networks)
    if not result.claims.empty:
        yield claim_forest(result.claims, conditions)
    if study.claims and forms_grid(conditions):
        first = study.claims[0]
        yield condition_map(contrast_values(first, result), conditions, first.statement, first.contrast.describe())
    if study.ladders:
        points = [one.points(result.plan.conditions, trained) for one in study.ladders]
        labels = {one.title: (one.x.contrast.describe(), one.y.contrast.describe()) for one in study.ladders}
        yield ladder(pd.concat(points, ignore_index=True), labels)
    for number, crossing in enumerate(study.effects, start=1):
        levels, cells = crossing.levels(result.plan.conditions), crossing.cells(result.plan.conditions, trained)
        effects = crossing.table(levels, cells)
        figure = factor_effects(effects, cells, levels, crossing.contrast.describe(), crossing.sesoi)
        yield figure if number == 1 else replace(figure, name=f"{figure.name}-{number}")
    over_levels = levels_table(study, result.plan.conditions, trained)
    if not over_levels.empty:
        yield trend(over_levels)


def _of_analysis(result: StudyResult, conditions: pd.DataFrame) -> Iterator[Figure]:
    """What the study's analysis of trained networks found."""
    analysis, findings = result.plan.study.analysis, analysed_findings(result)
    if analysis and "pairs" in findings:
        blocks = findings.get("blocks", pd.DataFrame(columns=list(TABLES["blocks"])))
        yield network_matrix(findings["pairs"], blocks, analysis.pairs)
    if analysis and "curves" in findings:
        yield from curve_figures(findings["curves"], conditions, analysis.curves, feature_names(result))
    if "points" in findings:
        yield stimulus_map(findings["points"], conditions)


def curve_figures(
    curves: pd.DataFrame, conditions: pd.DataFrame, labels: dict[str, tuple[str, str]], features: tuple[str, ...]
) -> Iterator[Figure]:
    """Yield the figures of an analysis's curves; curves of channels by rank have a separate figure."""
    is_rank = curves["curve"].isin([channels.MAP, channels.MEAN])
    if is_rank.any():
        yield channel_spread(curves[is_rank], conditions, channels.MAP, channels.MEAN, features)
    if not is_rank.all() or curves.empty:
        yield analysis_curves(curves[~is_rank], conditions, labels, features)
