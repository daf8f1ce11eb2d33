"""Which figures a study's report has, and of which networks and features each is made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from repbias.analyses import channels
from repbias.experiments.analysis import TABLES
from repbias.experiments.evaluation import levels_table
from repbias.experiments.positions import OUTPUT_POSITION
from repbias.experiments.study import Claim, Condition
from repbias.report.figures import (
    Figure,
    analysis_curves,
    channel_spread,
    claim_forest,
    condition_map,
    feature_gap,
    forms_grid,
    ladder,
    layer_contents,
    layer_profile,
    learning_curves,
    network_matrix,
    stimulus_map,
    trend,
    unit_histogram,
)
from repbias.report.figures.effects import factor_effects
from repbias.report.figures.positions import position_profile, position_slopes
from repbias.runs.results import StudyResult
from repbias.training.job import counts


def study_figures(result: StudyResult) -> list[Figure]:
    """Return a study's figures, in the order of its page.

    They draw the features that the tasks ask for, of networks that passed the accuracy criterion on all of them;
    learning curves draw
    every network. A map is drawn where the conditions form a grid (see `forms_grid`), trends where claims state them,
    ladders and effects where the study asks for them, output positions where features are reported in sequence, what
    the study's analysis found, and what else is in the layer where tasks have probes.
    """
    if result.table.empty:
        return []
    conditions = described_conditions(result)
    everything = analysed_networks(in_layer_order(result), result.networks)
    analysed = labelled_features(everything, result)
    figures = [feature_gap(analysed, conditions)]
    if not result.claims.empty:
        figures.append(claim_forest(result.claims, conditions))
    if result.plan.study.claims and forms_grid(conditions):
        first = result.plan.study.claims[0]
        values = contrast_values(first, result)
        figures.append(condition_map(values, conditions, first.statement, first.contrast.describe()))
    if result.plan.study.ladders:
        figures.append(_ladders(result))
    figures += _effects(result)
    levels = levels_table(result.plan.study, result.plan.conditions, trained_networks(result.table, result.networks))
    if not levels.empty:
        figures.append(trend(levels))
    figures += _by_position(analysed, conditions, result)
    figures += _of_analysis(result, conditions)
    figures += [
        learning_curves(labelled_features(result.table, result), conditions),
        layer_profile(analysed, conditions),
        unit_histogram(
            labelled_features(analysed_networks(result.units, result.networks), result), analysed, conditions
        ),
    ]
    if any(_has_probes(condition) for condition in result.plan.conditions):
        figures.append(layer_contents(everything, conditions, feature_names(result)))
    return figures


def _of_analysis(result: StudyResult, conditions: pd.DataFrame) -> list[Figure]:
    """The figures of what the study's analysis found, those that it has tables for."""
    analysis, found = result.plan.study.analysis, result.findings
    if analysis is None:
        return []
    if analysis.of == "network":  # done on every network, whether or not it passed the accuracy criterion
        own = {name: found[name] for name in ("curves", "points") if name in found}
        found = found | {name: analysed_networks(table, result.networks) for name, table in own.items()}
    figures = []
    if "pairs" in found:
        blocks = found.get("blocks", pd.DataFrame(columns=list(TABLES["blocks"])))
        figures.append(network_matrix(found["pairs"], blocks, analysis.pairs))
    if "curves" in found:
        figures += curve_figures(found["curves"], conditions, analysis.curves, feature_names(result))
    if "points" in found:
        figures.append(stimulus_map(found["points"], conditions))
    return figures


def curve_figures(
    curves: pd.DataFrame, conditions: pd.DataFrame, labels: dict[str, tuple[str, str]], features: tuple[str, ...]
) -> list[Figure]:
    """The figures of an analysis's curves; channels by rank have a figure of their own."""
    is_rank = curves["curve"].isin([channels.MAP, channels.MEAN])
    figures = []
    if is_rank.any():
        figures.append(channel_spread(curves[is_rank], conditions, channels.MAP, channels.MEAN, features))
    if not is_rank.all() or curves.empty:
        figures.append(analysis_curves(curves[~is_rank], conditions, labels, features))
    return figures


def _ladders(result: StudyResult) -> Figure:
    trained = trained_networks(result.table, result.networks)
    study = result.plan.study
    points = pd.concat([one.points(result.plan.conditions, trained) for one in study.ladders], ignore_index=True)
    labels = {one.title: (one.x.contrast.describe(), one.y.contrast.describe()) for one in study.ladders}
    return ladder(points, labels)


def _effects(result: StudyResult) -> list[Figure]:
    """The figure of each crossing that the study asks for; those after the first are told apart by number."""
    trained = trained_networks(result.table, result.networks)
    figures = []
    for number, asked in enumerate(result.plan.study.effects, start=1):
        levels, cells = asked.levels(result.plan.conditions), asked.cells(result.plan.conditions, trained)
        effects = asked.table(levels, cells)
        figure = factor_effects(effects, cells, levels, asked.contrast.describe(), asked.sesoi)
        figures.append(figure if number == 1 else replace(figure, name=f"{figure.name}-{number}"))
    return figures


def _by_position(analysed: pd.DataFrame, conditions: pd.DataFrame, result: StudyResult) -> list[Figure]:
    """The figures of the conditions whose features have a place in the output, where there are any."""
    in_sequence = set(result.table.loc[result.table["measure"] == OUTPUT_POSITION, "condition"])
    here = conditions[conditions["condition"].isin(in_sequence)]
    if here.empty:
        return []
    common = {condition.name: condition.model.layer_names for condition in result.plan.conditions}
    return [position_profile(analysed, here, common), position_slopes(analysed, here, common)]


def described_conditions(result: StudyResult) -> pd.DataFrame:
    """Return the study's conditions; a factor that a condition lacks is a dash."""
    conditions = result.conditions
    return conditions.astype(object).where(conditions.notna(), "–")


def contrast_values(claim: Claim, result: StudyResult) -> pd.DataFrame:
    """Return a claim's contrast wherever it can be computed: condition, seed, value; NaN below the criterion.

    Also in conditions of which the claim itself says nothing: a map shows how far the effect reaches.
    """
    trained = trained_networks(result.table, result.networks)
    tables = {str(name): rows for name, rows in trained.groupby("condition", sort=False)}
    frames = []
    for condition in result.plan.conditions:
        table = tables.get(condition.name)
        if table is not None and _computable(claim, condition, table):
            values = claim.contrast.per_seed(table, condition.model.layer_names).astype(float)
            frames.append(values.rename("value").reset_index().assign(condition=condition.name))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["condition", "seed", "value"])


def _computable(claim: Claim, condition: Condition, table: pd.DataFrame) -> bool:
    """Whether a condition's table holds all that the contrast reads."""
    contrast = claim.contrast
    return (
        set(contrast.features()) <= set(condition.task.measured_names)
        and set(contrast.layers_read(condition.model.layer_names)) <= set(table["layer"])
        and set(contrast.measures_read()) <= set(table["measure"])
    )


def feature_names(result: StudyResult) -> tuple[str, ...]:
    """Return every feature that some task of the study asks for."""
    return tuple(dict.fromkeys(name for one in result.plan.conditions for name in one.task.feature_names))


def _has_probes(condition: Condition) -> bool:
    return len(condition.task.measured_names) > len(condition.task.feature_names)


def labelled_features(table: pd.DataFrame, result: StudyResult) -> pd.DataFrame:
    """Return the rows of features that the task of their own condition asks for: no probes, nothing joint."""
    asked = [(one.name, name) for one in result.plan.conditions for name in one.task.feature_names]
    return table[pd.MultiIndex.from_frame(table[["condition", "feature"]]).isin(asked)]


def trained_networks(table: pd.DataFrame, networks: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the networks that did not fail: their last step is the end of their training."""
    return _of(table, networks[networks["status"] != "failed"])


def analysed_networks(table: pd.DataFrame, networks: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the networks that finished and passed the accuracy criterion on every feature."""
    pairs = zip(networks["status"], networks["failed_criterion"], strict=True)
    return _of(table, networks[np.array([counts(status, failed) for status, failed in pairs], dtype=bool)])


def _of(table: pd.DataFrame, networks: pd.DataFrame) -> pd.DataFrame:
    keys = pd.MultiIndex.from_frame(networks[["condition", "seed"]])
    return table[pd.MultiIndex.from_frame(table[["condition", "seed"]]).isin(keys)]


def in_layer_order(result: StudyResult) -> pd.DataFrame:
    """Return the study's table with its layers as an ordered categorical: input, hidden layers, read-out, output.

    Layers that are measured beside those of a model's path, such as a decoder's states, come before the read-out.
    """
    hidden = (name for condition in result.plan.conditions for name in condition.model.layer_names)
    first, last = dict.fromkeys(("input", *hidden)), ("readout", "output")
    others = [name for name in result.table["layer"].unique() if name not in (*first, *last)]
    layers = pd.Categorical(result.table["layer"], [*first, *others, *last], ordered=True)
    return result.table.assign(layer=layers)
