"""The figure of main effects and interactions: rows, intervals, the shaded band, and the grid of cells."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle
from study_results import crossed, result

from repbias.experiments.contrasts import FeatureDifference
from repbias.experiments.effects import Effects
from repbias.figures.crossed import factor_effects
from repbias.figures.figure import Figure
from repbias.runs.results import StudyResult
from repbias.runs.study_figures import study_figures

GAP = FeatureDifference(more="easy", less="hard")
EFFECTS = Effects(contrast=GAP, factors=("width", "depth", "optimizer"), sesoi=0.04)
SEEDS = 4


def made(effects: Sequence[Effects] = (EFFECTS,), missed: Sequence[tuple[int, int]] = ()) -> StudyResult:
    """Gaps of 0.3 under SGD and, at width 8 alone, 0.1 less under Adam."""
    study = crossed((4, 8), (1, 2)).model_copy(update={"effects": tuple(effects)})
    gaps = [
        0.3 - 0.1 * (one.factors["optimizer"] == "Adam") * (one.factors["width"] == "8") for one in study.conditions
    ]
    return result([(0.4 + gap / 2, 0.4 - gap / 2) for gap in gaps], study=study, seeds=SEEDS, missed=missed)


def drawn(crossing: Effects = EFFECTS, missed: Sequence[tuple[int, int]] = ()) -> Figure:
    found = made(missed=missed)
    levels, cells = crossing.levels(found.plan.conditions), crossing.cells(found.plan.conditions, found.table)
    return factor_effects(crossing.table(levels, cells), cells, levels, GAP.describe(), crossing.sesoi)


def test_each_effect_has_a_row_with_its_estimate_interval_and_n() -> None:
    figure = drawn()
    main, interactions, _ = figure.drawing.axes
    numbers = figure.numbers.set_index("effect")
    names = [text.get_text() for axes in (main, interactions) for text in axes.get_yticklabels()]
    assert names == [
        "width 8 − 4",
        "depth 2 − 1",
        "optimizer Adam − SGD",
        "width 8 − 4 × depth 2 − 1",
        "width 8 − 4 × optimizer Adam − SGD",
        "depth 2 − 1 × optimizer Adam − SGD",
    ]
    assert numbers.loc["optimizer Adam - SGD", "estimate"] == pytest.approx(-0.05)
    assert numbers.loc["width 8 - 4 × optimizer Adam - SGD", "estimate"] == pytest.approx(-0.1)
    points = [line for axes in (main, interactions) for line in axes.lines if line.get_marker() == "o"]
    assert [float(point.get_xdata()[0]) for point in points] == [
        numbers.loc[name.replace("−", "-"), "estimate"] for name in names
    ]
    assert {text.get_text() for axes in (main, interactions) for text in axes.texts} == {"n = 4"}
    assert main.get_xlim() == interactions.get_xlim()


def test_the_smallest_effect_is_shaded_on_both_sides_of_zero() -> None:
    figure = drawn()
    for axes in figure.drawing.axes[:2]:
        (band,) = axes.patches
        assert [band.get_x(), band.get_x() + band.get_width()] == pytest.approx([-0.04, 0.04])
    assert "The grey band is the smallest effect of interest, 0.04" in figure.caption
    assert "grey band" not in drawn(EFFECTS.model_copy(update={"sesoi": 0.0})).caption


def test_the_grid_has_a_cell_per_condition_with_its_mean_and_n() -> None:
    figure = drawn(missed=[*((0, seed) for seed in range(SEEDS)), (1, 0)])
    forest, _, grid = figure.drawing.axes
    assert [text.get_text() for text in grid.get_yticklabels()] == ["4 · 1", "4 · 2", "8 · 1", "8 · 2"]
    assert [text.get_text() for text in grid.get_xticklabels()] == ["SGD", "Adam"]
    texts = [text.get_text() for text in grid.texts]
    assert texts.count("+0.30") == 4  # and one is the mean of three seeds
    assert texts.count("+0.20") == 2
    assert {"none of 4", "n = 3 of 4"} <= set(texts)
    hatched = [patch for patch in grid.patches if isinstance(patch, Rectangle) and patch.get_hatch()]
    assert [patch.get_xy() for patch in hatched] == [(0, 0)]
    cells = figure.numbers[figure.numbers["mark"] == "cell"].set_index(["width", "depth", "optimizer"])
    assert cells.loc[("8", "1", "Adam"), "value"] == pytest.approx(0.2)
    assert cells["n"].tolist() == [0, 3, 4, 4, 4, 4, 4, 4]
    assert "n = 4 · 3 of 4 settings" in {text.get_text() for text in forest.texts}
    assert "averaged over the other settings" in figure.caption


def test_colours_go_by_sign() -> None:
    levels = {"a": ["0", "1"], "b": ["0", "1"]}
    crossing = Effects(contrast=GAP, factors=("a", "b"))
    gaps = {("0", "0"): 0.2, ("0", "1"): -0.2, ("1", "0"): 0.0, ("1", "1"): 0.2}
    rows = [(*cell, seed, gap) for (cell, gap), seed in itertools.product(gaps.items(), range(3))]
    cells = pd.DataFrame(rows, columns=["a", "b", "seed", "value"])
    figure = factor_effects(crossing.table(levels, cells), cells, levels, "x")
    colours = {patch.get_xy(): np.array(patch.get_facecolor()[:3]) for patch in figure.drawing.axes[2].patches}
    assert (colours[0, 0] == colours[1, 1]).all()
    assert colours[0, 1].min() > 0.9  # 0 is white
    assert colours[0, 0][0] > colours[0, 0][2]  # orange: more red than blue
    assert colours[1, 0][0] < colours[1, 0][2]  # purple


def test_every_interval_drawn_is_in_the_numbers() -> None:
    figure = drawn(missed=[(2, 1)])
    known = figure.numbers[["estimate", "ci_low", "ci_high"]].to_numpy(float).ravel()
    for axes in figure.drawing.axes[:2]:
        xs = np.concatenate([line.get_xdata() for line in axes.lines[1:]])
        assert len(xs) == 3 * 3
        assert max(np.nanmin(np.abs(known - x)) for x in xs) < 1e-12


def test_each_crossing_of_a_study_has_a_figure() -> None:
    two = Effects(contrast=GAP, factors=("width", "depth"), where={"optimizer": ("SGD",)})
    figures = [figure for figure in study_figures(made([EFFECTS, two])) if figure.name.startswith("effects")]
    assert [figure.name for figure in figures] == ["effects", "effects-2"]
    assert figures[1].numbers["mark"].tolist() == ["main effect"] * 2 + ["interaction"] + ["cell"] * 4


def test_without_analysed_networks_it_says_so() -> None:
    figure = drawn(missed=list(itertools.product(range(8), range(SEEDS))))
    assert figure.caption.startswith("No effects")


def test_one_seed_has_no_interval_and_the_axis_is_finite() -> None:
    levels = {"a": ["0", "1"], "b": ["0", "1"]}
    crossing = Effects(contrast=GAP, factors=("a", "b"))
    cells = pd.DataFrame([(*ab, 0, 0.1) for ab in itertools.product("01", "01")], columns=["a", "b", "seed", "value"])
    figure = factor_effects(crossing.table(levels, cells), cells, levels, "x")
    assert np.isfinite(figure.drawing.axes[0].get_xlim()).all()
    assert "n counts networks: 1 per effect" in figure.caption
