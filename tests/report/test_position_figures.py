"""Figures over output positions: what is drawn, of whom, and what is marked as not shared by all outputs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from study_results import result

from repbias.core.statistics import mean_interval
from repbias.experiments.contrasts import PositionSlope
from repbias.figures.positions import position_profile, position_slopes
from repbias.models import EncoderDecoder
from repbias.runs.plan import make_plan
from repbias.runs.results import UNIT_COLUMNS, StudyResult
from repbias.runs.study_figures import study_figures
from repbias.studies import find_study

LAST, STATE = "encoder.1.mean", "decoder.state.0"
LAYERS = ("encoder.0.mean", LAST, STATE, "readout")
COMMON = {"one": LAYERS[:2], "two": LAYERS[:2]}
CONDITIONS = pd.DataFrame({"condition": ["one", "two"], "model": ["one", "two"], "penultimate": LAST})
COLUMNS = ["condition", "seed", "step", "layer", "feature", "measure", "value"]
ORDERS = ("abc", "bca", "cab")
SLOPE = 0.05


def share(layer: str, position: int, step: int, network: int) -> float:
    """R2 falls by `SLOPE` a position in the last shared read-out once trained, and by less before."""
    if layer == STATE:
        return 0.9 if position == 1 else 0.02
    return 0.3 - SLOPE * position * (layer == LAST) * min(step / 100, 1) + 0.01 * network


def network(condition: str, number: int, steps: Sequence[int], order: Sequence[str]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for place, feature in enumerate(order, start=1):
        for step, layer in product(steps, LAYERS):
            rows += [
                (condition, number, step, layer, feature, measure, share(layer, place, step, number))
                for measure in ("r2", "r2_final")
            ]
        rows.append((condition, number, steps[-1], "output", feature, "output_position", place))
        rows.append((condition, number, steps[-1], "output", feature, "accuracy", 1.0))
    return rows


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rows = [
        row
        for name in ("one", "two")
        for i, order in enumerate(ORDERS)
        for row in network(name, i, (0, 10, 100), order)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_the_profile_averages_over_networks_whatever_feature_stands_there(table: pd.DataFrame) -> None:
    numbers = position_profile(table, CONDITIONS, COMMON).numbers
    means = numbers[(numbers["mark"] == "mean") & (numbers["condition"] == "two")].set_index(["layer", "position"])
    for layer, position in product(LAYERS[:3], (1, 2, 3)):
        expected = mean_interval([share(layer, position, 100, number) for number in range(3)])
        found = means.loc[(layer, position), ["value", "ci_low", "ci_high", "n"]].astype(float)
        assert found.tolist() == pytest.approx([expected.mean, expected.ci_low, expected.ci_high, 3])
    assert "readout" not in set(numbers["layer"])
    untrained = numbers[numbers["mark"] == "untrained"]
    assert set(untrained["layer"]) == {LAST}
    assert untrained["value"].tolist() == pytest.approx([share(LAST, 1, 0, 1)] * 6)


def test_features_behind_a_position_are_in_the_numbers(table: pd.DataFrame) -> None:
    numbers = position_profile(table, CONDITIONS, COMMON).numbers
    seeds = numbers[numbers["mark"] == "seed"]
    assert len(seeds) == 2 * 3 * 3 * 3  # conditions, networks, read-outs, positions
    assert "n = 3 networks (seeds) in each of 2 conditions" in position_profile(table, CONDITIONS, COMMON).caption


def test_read_outs_that_outputs_do_not_share_are_dashed_and_in_a_panel_below(table: pd.DataFrame) -> None:
    figure = position_profile(table, CONDITIONS, COMMON)
    upper, lower = figure.drawing.axes[:2]
    assert {line.get_linestyle() for line in upper.lines} == {"-"}
    assert [line.get_linestyle() for line in lower.lines] == ["--"]
    (key,) = figure.drawing.legends
    names = [text.get_text() for text in key.get_texts()]
    assert names == [*LAYERS[:2], "last shared read-out, untrained", "not shared by all outputs:", STATE]
    assert [line.get_linestyle() for line in key.get_lines()] == ["-", "-", "-", "--", "--"]
    assert "Dashed lines" in figure.caption


def test_a_model_without_such_states_has_one_panel_per_condition_and_no_such_words(table: pd.DataFrame) -> None:
    figure = position_profile(table[table["layer"] != STATE], CONDITIONS, COMMON)
    assert len(figure.drawing.axes) == 2
    assert "Dashed lines" not in figure.caption
    assert all("not shared" not in text.get_text() for text in figure.drawing.legends[0].get_texts())


@pytest.mark.parametrize("make", [position_profile, position_slopes])
def test_every_line_and_band_is_in_the_numbers(make: object, table: pd.DataFrame) -> None:
    figure = make(table, CONDITIONS, COMMON)  # type: ignore[operator]
    known = np.append(figure.numbers[["value", "ci_low", "ci_high"]].to_numpy(float).ravel(), 0.0)
    drawn = [np.asarray(line.get_ydata(), float) for axes in figure.drawing.axes for line in axes.lines]
    bands = [one for axes in figure.drawing.axes for one in axes.collections]
    assert len(drawn) >= 6
    assert all(isinstance(band, PolyCollection) for band in bands)
    drawn += [band.get_paths()[0].vertices[:, 1] for band in bands]
    assert max(np.nanmin(np.abs(known - value)) for value in np.concatenate(drawn)) < 1e-12


def test_the_slope_at_every_step_is_that_of_the_contrast(table: pd.DataFrame) -> None:
    numbers = position_slopes(table, CONDITIONS, COMMON).numbers
    contrast = PositionSlope(measure="r2_final", of=("a", "b", "c"))
    for step in (0, 10, 100):
        until = table[(table["step"] <= step) | table["measure"].isin(["output_position", "accuracy"])]
        one = until[until["condition"] == "one"]
        one = one.assign(step=one["step"].clip(upper=step))
        here = (numbers["condition"] == "one") & (numbers["layer"] == LAST) & (numbers["step"] == step)
        seeds = numbers[here & (numbers["mark"] == "seed")].set_index("seed")["value"]
        assert seeds.to_dict() == pytest.approx(contrast.per_seed(one, COMMON["one"]).to_dict())
        assert seeds.to_dict() == pytest.approx(dict.fromkeys(range(3), SLOPE * step / 100))


def test_networks_that_stop_stay_in_with_their_last_slope_at_steps_that_all_share() -> None:
    steps = ((0, 10, 17, 50), (0, 10, 100), (0, 10, 23, 100, 140))
    rows = [row for i, own in enumerate(steps) for row in network("one", i, own, ORDERS[i])]
    numbers = position_slopes(pd.DataFrame(rows, columns=COLUMNS), CONDITIONS[:1], COMMON).numbers
    means = numbers[(numbers["mark"] == "mean") & (numbers["layer"] == LAST)].set_index("step")
    assert means.index.tolist() == [0, 10, 100, 140]  # 17, 23 and 50 were not measured in all that still trained
    assert means.loc[140, "value"] == pytest.approx(np.mean([SLOPE / 2, SLOPE, SLOPE]))
    assert means["n"].tolist() == [3, 3, 3, 3]


def test_a_feature_may_be_called_as_a_column_is() -> None:
    names = ("common", "step", "seed", "layer")
    orders = [names[i:] + names[:i] for i in range(3)]
    rows = [row for i, order in enumerate(orders) for row in network("one", i, (0, 100), order)]
    table = pd.DataFrame(rows, columns=COLUMNS)
    numbers = position_slopes(table, CONDITIONS[:1], COMMON).numbers
    last = numbers[(numbers["mark"] == "seed") & (numbers["layer"] == LAST) & (numbers["step"] == 100)]
    assert last["value"].tolist() == pytest.approx([SLOPE] * 3)


def test_one_feature_has_a_place_and_no_slope() -> None:
    table = pd.DataFrame([row for i in range(2) for row in network("one", i, (0, 10), "a")], columns=COLUMNS)
    assert not position_profile(table, CONDITIONS[:1], COMMON).numbers.empty
    assert position_slopes(table, CONDITIONS[:1], COMMON).caption.startswith("No output positions")


def test_a_condition_of_which_no_network_passed_says_so_and_one_network_has_no_band(table: pd.DataFrame) -> None:
    alone = table[(table["condition"] == "one") & (table["seed"] == 0)]
    for make in (position_profile, position_slopes):
        *panels, empty = make(alone, CONDITIONS, COMMON).drawing.axes
        assert [text.get_text() for text in empty.texts] == ["not analysed"]
        assert all(len(band.get_paths()) == 0 or np.isfinite(band.get_paths()[0].vertices).all()
                   for axes in panels for band in axes.collections)  # fmt: skip
        assert all(np.isfinite(axes.get_ylim()).all() for axes in panels)
    nobody = alone[:0]
    assert position_profile(nobody, CONDITIONS, COMMON).caption.startswith("No output positions")


def test_read_outs_darken_from_layer_to_layer(table: pd.DataFrame) -> None:
    upper = position_profile(table, CONDITIONS, COMMON).drawing.axes[0]
    first, last = (tuple(int(line.get_color()[i : i + 2], 16) for i in (1, 3, 5)) for line in upper.lines[:2])
    assert sum(last) < sum(first)


@pytest.fixture(scope="module")
def made() -> StudyResult:
    """The study of position at quick with made-up tables: the second condition was not run."""
    plan = make_plan(find_study("position"), "quick", 3)
    first, second = (condition.name for condition in plan.conditions)
    rows = [row for i, order in enumerate(("abcd", "bdac", "cadb")) for row in network(first, i, (0, 100), order)]
    table = pd.DataFrame(rows, columns=COLUMNS).assign(study="position")
    networks = pd.DataFrame(
        [(first, i, "finished", "") for i in range(3)] + [(second, i, "not run", "") for i in range(3)],
        columns=["condition", "seed", "status", "failed_criterion"],
    )
    return StudyResult(plan, table, pd.DataFrame(columns=UNIT_COLUMNS), networks, {})


def test_in_a_report_shared_read_outs_are_the_layers_of_the_model(made: StudyResult) -> None:
    model = made.plan.conditions[0].model
    assert isinstance(model, EncoderDecoder)
    figures = {figure.name: figure for figure in study_figures(made)}
    for name in ("position-profile", "position-slopes"):
        numbers = figures[name].numbers
        assert set(numbers.loc[numbers["common"], "layer"]) == set(model.layer_names)
        assert set(numbers.loc[~numbers["common"], "layer"]) == {STATE}
        assert len(figures[name].drawing.axes) == 2


def test_in_a_report_the_last_step_is_the_claims_estimate(made: StudyResult) -> None:
    slopes = next(figure for figure in study_figures(made) if figure.name == "position-slopes").numbers
    last = slopes[(slopes["mark"] == "mean") & (slopes["layer"] == LAST) & (slopes["step"] == 100)].iloc[0]
    claim = made.claims[made.claims["n"] == 3].iloc[0]
    assert last[["value", "ci_low", "ci_high"]].tolist() == pytest.approx(
        claim[["estimate", "ci_low", "ci_high"]].tolist()
    )


def test_studies_of_bits_have_none() -> None:
    assert not [figure for figure in study_figures(result()) if figure.name.startswith("position")]
