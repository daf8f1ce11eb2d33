"""The figures of a study, in the order of its page: what each needs, and how it is drawn.

A new figure is a function in `repbias.figures` and an entry of `STUDY_FIGURES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pandas as pd

from repbias.analyses import channels
from repbias.core.results import OUTPUT_POSITION
from repbias.core.specs import refuse_unknown
from repbias.experiments.analysis import TABLES
from repbias.experiments.levels import levels_table
from repbias.figures import select, style
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
from repbias.runs.study_tables import (
    StudyData,
    StudyTables,
    analysed_networks,
    contrast_values,
    labelled_features,
)


@dataclass(frozen=True)
class StudyFigure:
    """A figure of a study.

    Attributes
    ----------
    kind : what `plot` calls it.
    draw : yields the figure, or several of its kind.
    needs : what a result must have for it, in words.
    applies : whether a result has it.
    """

    kind: str
    draw: Callable[[StudyTables], Iterator[Figure]]
    needs: str = "measurements"
    applies: Callable[[StudyTables], bool] = lambda _: True


def study_figures(result: StudyData) -> list[Figure]:
    """Return the figures of a study's page in their order; none where no network was trained."""
    if result.table.empty:
        return []
    tables = StudyTables(result)
    return [figure for one in STUDY_FIGURES if one.applies(tables) for figure in one.draw(tables)]


def study_figure(result: StudyData, kind: str, style_of_plot: style.Style) -> Figure:
    """Return a study's figure of a kind, the first where there are several.

    Raises
    ------
    ValueError : an unknown kind or style, or a result without what the kind needs.
    """
    kinds = {one.kind: one for one in STUDY_FIGURES}
    refuse_unknown(kind, kinds, "figure of a study")
    name, chosen, tables = result.plan.study.name, kinds[kind], StudyTables(result)
    if result.table.empty:
        raise ValueError(f"nothing of the study {name!r} can be drawn: none of its networks has been trained")
    if not chosen.applies(tables):
        there = [one.kind for one in STUDY_FIGURES if one.applies(tables)]
        raise ValueError(
            f"the study {name!r} has no figure {kind!r}, which needs {chosen.needs}; it has {', '.join(there)}"
        )
    with style.applied(style_of_plot):
        return next(iter(chosen.draw(tables)))


def _gap(tables: StudyTables) -> Iterator[Figure]:
    yield feature_gap(tables.analysed, tables.conditions)


def _claims(tables: StudyTables) -> Iterator[Figure]:
    yield claim_forest(tables.result.claims, tables.conditions)


def _map(tables: StudyTables) -> Iterator[Figure]:
    first = tables.result.plan.study.claims[0]
    values = contrast_values(first, tables.result)
    yield condition_map(values, tables.conditions, first.statement, first.contrast.describe())


def _ladders(tables: StudyTables) -> Iterator[Figure]:
    plan = tables.result.plan
    points = [one.points(plan.conditions, tables.trained) for one in plan.study.ladders]
    labels = {one.title: (one.x.contrast.describe(), one.y.contrast.describe()) for one in plan.study.ladders}
    yield ladder(pd.concat(points, ignore_index=True), labels)


def _effects(tables: StudyTables) -> Iterator[Figure]:
    plan = tables.result.plan
    for number, crossing in enumerate(plan.study.effects, start=1):
        levels, cells = crossing.levels(plan.conditions), crossing.cells(plan.conditions, tables.trained)
        effects = crossing.table(levels, cells)
        figure = factor_effects(effects, cells, levels, crossing.contrast.describe(), crossing.sesoi)
        yield figure if number == 1 else replace(figure, name=f"{figure.name}-{number}")


def _levels(tables: StudyTables) -> pd.DataFrame:
    plan = tables.result.plan
    return levels_table(plan.study, plan.conditions, tables.trained)


def _trend(tables: StudyTables) -> Iterator[Figure]:
    yield trend(_levels(tables))


def _sequential(tables: StudyTables) -> pd.DataFrame:
    """The conditions whose networks report features at output positions."""
    table = tables.result.table
    return select.in_conditions(tables.conditions, table[table["measure"] == OUTPUT_POSITION])


def _hidden_layers(tables: StudyTables) -> dict[str, tuple[str, ...]]:
    return {condition.name: condition.model.layer_names for condition in tables.result.plan.conditions}


def _positions(tables: StudyTables) -> Iterator[Figure]:
    yield position_profile(tables.analysed, _sequential(tables), _hidden_layers(tables))


def _slopes(tables: StudyTables) -> Iterator[Figure]:
    yield position_slopes(tables.analysed, _sequential(tables), _hidden_layers(tables))


def _matrix(tables: StudyTables) -> Iterator[Figure]:
    analysis = tables.result.plan.study.analysis
    blocks = tables.findings.get("blocks", pd.DataFrame(columns=list(TABLES["blocks"])))
    yield network_matrix(tables.findings["pairs"], blocks, analysis.pairs if analysis else {})


def _curves(tables: StudyTables) -> Iterator[Figure]:
    analysis = tables.result.plan.study.analysis
    labels = analysis.curves if analysis else {}
    yield from curve_figures(tables.findings["curves"], tables.conditions, labels, tables.features)


def curve_figures(
    curves: pd.DataFrame, conditions: pd.DataFrame, labels: dict[str, tuple[str, str]], features: tuple[str, ...]
) -> Iterator[Figure]:
    """Yield the figures of an analysis's curves; curves of channels by rank have a separate figure."""
    is_rank = curves["curve"].isin([channels.MAP, channels.MEAN])
    if is_rank.any():
        yield channel_spread(curves[is_rank], conditions, channels.MAP, channels.MEAN, features)
    if not is_rank.all() or curves.empty:
        yield analysis_curves(curves[~is_rank], conditions, labels, features)


def _stimuli(tables: StudyTables) -> Iterator[Figure]:
    yield stimulus_map(tables.findings["points"], tables.conditions)


def _learning(tables: StudyTables) -> Iterator[Figure]:
    # Of all networks, also of those that failed the accuracy criterion.
    yield learning_curves(labelled_features(tables.result.table, tables.result), tables.conditions)


def _layers(tables: StudyTables) -> Iterator[Figure]:
    yield layer_profile(tables.analysed, tables.conditions)


def _units(tables: StudyTables) -> Iterator[Figure]:
    units = labelled_features(analysed_networks(tables.result.units, tables.result.outcomes), tables.result)
    yield unit_histogram(units, tables.analysed, tables.conditions)


def _contents(tables: StudyTables) -> Iterator[Figure]:
    yield layer_contents(tables.with_probes, tables.conditions, tables.features)


def _forms_map(tables: StudyTables) -> bool:
    return bool(tables.result.plan.study.claims) and forms_grid(tables.conditions)


def _has_probes(tables: StudyTables) -> bool:
    tasks = [condition.task for condition in tables.result.plan.conditions]
    return any(len(task.measured_names) > len(task.feature_names) for task in tasks)


def _found(name: str) -> Callable[[StudyTables], bool]:
    return lambda tables: name in tables.findings


STUDY_FIGURES = (
    StudyFigure("gap", _gap),
    StudyFigure("claims", _claims, "claims", lambda tables: not tables.result.claims.empty),
    StudyFigure("map", _map, "a claim, and conditions that cross two or three factors", _forms_map),
    StudyFigure("ladder", _ladders, "a ladder of levels", lambda tables: bool(tables.result.plan.study.ladders)),
    StudyFigure("effects", _effects, "effects of factors", lambda tables: bool(tables.result.plan.study.effects)),
    StudyFigure("trend", _trend, "a claim on a trend", lambda tables: not _levels(tables).empty),
    StudyFigure("positions", _positions, "output positions", lambda tables: not _sequential(tables).empty),
    StudyFigure("slopes", _slopes, "output positions", lambda tables: not _sequential(tables).empty),
    StudyFigure("matrix", _matrix, "an analysis of pairs of networks", _found("pairs")),
    StudyFigure("curves", _curves, "an analysis with curves", _found("curves")),
    StudyFigure("stimuli", _stimuli, "an analysis that places stimuli on a map", _found("points")),
    StudyFigure("learning", _learning),
    StudyFigure("layers", _layers),
    StudyFigure("units", _units),
    StudyFigure("contents", _contents, "probes: properties of the stimuli that no output reports", _has_probes),
)
"""The figures of a study's page in their order."""
