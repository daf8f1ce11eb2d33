"""The figures of a study's page: their order, when they apply, and the tables that they are drawn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from repbias.analyses import channels
from repbias.core.results import OUTPUT_POSITION
from repbias.experiments.analysis import TABLES
from repbias.experiments.claim import Claim
from repbias.experiments.evaluation import levels_table
from repbias.figures import select
from repbias.figures.analysis_curves import analysis_curves, channel_spread
from repbias.figures.analysis_maps import network_matrix, stimulus_map
from repbias.figures.crossed import condition_map, factor_effects, forms_grid
from repbias.figures.curves import learning_curves
from repbias.figures.figure import Figure
from repbias.figures.forest import claim_forest
from repbias.figures.gap import feature_gap
from repbias.figures.histogram import unit_histogram
from repbias.figures.layers import layer_contents, layer_profile
from repbias.figures.levels import ladder, trend
from repbias.figures.positions import position_profile, position_slopes
from repbias.runs.results import StudyResult
from repbias.training.job import counts


def study_figures(result: StudyResult) -> list[Figure]:
    """Return a study's figures, in the order of its page; a new figure is a function in `figures`, and called here."""
    if result.table.empty:
        return []
    conditions = described_conditions(result)
    with_probes = analysed_networks(in_layer_order(result), result.outcomes)
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
    units = labelled_features(analysed_networks(result.units, result.outcomes), result)
    figures.append(unit_histogram(units, analysed, conditions))
    if any(len(one.task.measured_names) > len(one.task.feature_names) for one in result.plan.conditions):
        figures.append(layer_contents(with_probes, conditions, feature_names(result)))
    return figures


def _of_claims(result: StudyResult, conditions: pd.DataFrame) -> Iterator[Figure]:
    """Claims, and the contrasts that decide them."""
    study, trained = result.plan.study, trained_networks(result.table, result.outcomes)
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


def described_conditions(result: StudyResult) -> pd.DataFrame:
    """Return the study's conditions; a factor that a condition does not have is a dash."""
    conditions = result.conditions
    return conditions.astype(object).where(conditions.notna(), "–")


def contrast_values(claim: Claim, result: StudyResult) -> pd.DataFrame:
    """Return a claim's contrast wherever it can be computed: condition, seed, value; NaN below the criterion.

    Conditions that the claim is not about are included, so that a map shows how far the effect extends.
    """
    trained, contrast = trained_networks(result.table, result.outcomes), claim.contrast
    frames = [pd.DataFrame(columns=["condition", "seed", "value"])]
    for condition in result.plan.conditions:
        table, layers = trained[trained["condition"] == condition.name], condition.model.layer_names
        if (
            set(contrast.features()) <= set(condition.task.measured_names)
            and set(contrast.layers_read(layers)) <= set(table["layer"])
            and set(contrast.measures_read()) <= set(table["measure"])
        ):
            values = contrast.per_seed(table, layers).astype(float)
            frames.append(values.rename("value").reset_index().assign(condition=condition.name))
    return pd.concat(frames[1:] or frames, ignore_index=True)


def feature_names(result: StudyResult) -> tuple[str, ...]:
    """Return every feature that some task of the study reports."""
    return tuple(dict.fromkeys(name for one in result.plan.conditions for name in one.task.feature_names))


def labelled_features(table: pd.DataFrame, result: StudyResult) -> pd.DataFrame:
    """Return the rows of features that the task of their condition reports, without probes and joint measures."""
    reported = [(one.name, name) for one in result.plan.conditions for name in one.task.feature_names]
    return table[pd.MultiIndex.from_frame(table[["condition", "feature"]]).isin(reported)]


def trained_networks(table: pd.DataFrame, networks: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the networks that did not fail, whose last step is the end of training."""
    return _of(table, networks[networks["status"] != "failed"])


def analysed_networks(table: pd.DataFrame, networks: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the networks that finished and passed the accuracy criterion on every feature."""
    pairs = zip(networks["status"], networks["failed_criterion"], strict=True)
    return _of(table, networks[np.array([counts(status, failed) for status, failed in pairs], dtype=bool)])


def analysed_findings(result: StudyResult) -> dict[str, pd.DataFrame]:
    """Return the tables that the study's analysis made, by name, of the networks that passed the accuracy criterion.

    An analysis of one network at a time is done on every network, whether or not it passed.
    """
    analysis, networks = result.plan.study.analysis, result.outcomes
    if analysis is None:
        return {}
    if analysis.of == "study":
        return result.findings
    return {name: analysed_networks(one, networks) if "seed" in one else one for name, one in result.findings.items()}


def _of(table: pd.DataFrame, networks: pd.DataFrame) -> pd.DataFrame:
    keys = pd.MultiIndex.from_frame(networks[["condition", "seed"]])
    return table[pd.MultiIndex.from_frame(table[["condition", "seed"]]).isin(keys)]


def in_layer_order(result: StudyResult) -> pd.DataFrame:
    """Return the study's table with its layers as an ordered categorical: input, hidden layers, read-out, output.

    Measured layers that are not on the model's path, such as the states of a decoder, come before the read-out.
    """
    hidden = (name for condition in result.plan.conditions for name in condition.model.layer_names)
    first, last = dict.fromkeys(("input", *hidden)), ("readout", "output")
    others = [name for name in result.table["layer"].unique() if name not in (*first, *last)]
    layers = pd.Categorical(result.table["layer"], [*first, *others, *last], ordered=True)
    return result.table.assign(layer=layers)
