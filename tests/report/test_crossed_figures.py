"""Figures of studies that compare conditions, cross factors, or measure more than they ask for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle
from study_results import crossed, result

from repbias.core.results import LEVEL_COLUMNS
from repbias.core.statistics import mean_interval
from repbias.experiments.levels import levels_table
from repbias.experiments.study import Scale
from repbias.figures import select
from repbias.figures.crossed import condition_map, forms_grid
from repbias.figures.forest import claim_forest
from repbias.figures.levels import trend
from repbias.report.answer import answer
from repbias.report.study_report import write_report
from repbias.runs.results import StudyResult
from repbias.runs.study_figures import study_figures
from repbias.runs.study_tables import StudyTables, contrast_values, labelled_features

WIDTHS, DEPTHS = (4, 8, 16), (1, 2)


@pytest.fixture(scope="module")
def made() -> StudyResult:
    """Gaps grow by 0.1 per doubling of width, alike for both optimizers; the first condition fails the criterion."""
    study = crossed(WIDTHS, DEPTHS)
    gaps = [0.1 * np.log2(int(one.factors["width"])) for one in study.conditions]
    r2 = [(0.4 + gap / 2, 0.4 - gap / 2) for gap in gaps]
    missed = [*((0, seed) for seed in range(4)), (1, 0)]
    return result(r2, study=study, probes={"pair": 0.07}, missed=missed)


@pytest.fixture(scope="module")
def levels(made: StudyResult) -> pd.DataFrame:
    return levels_table(made.plan.study, made.plan.conditions, made.table)


def test_levels_are_the_contrast_of_every_network_and_their_interval(levels: pd.DataFrame) -> None:
    assert list(levels.columns) == LEVEL_COLUMNS
    assert set(levels["group"]) == {"depth 1, SGD", "depth 2, SGD", "depth 1, Adam", "depth 2, Adam"}
    assert levels["id"].unique().tolist() == ["C9"]
    here = levels[(levels["group"] == "depth 1, Adam") & (levels["level"] == 8)]
    seeds, mean = here[here["mark"] == "seed"], here[here["mark"] == "mean"].iloc[0]
    assert seeds["seed"].tolist() == [0, 1, 2, 3]
    expected = mean_interval(seeds["value"].to_numpy())
    assert mean[["value", "ci_low", "ci_high", "n"]].tolist() == [
        expected.mean,
        expected.ci_low,
        expected.ci_high,
        expected.n,
    ]
    assert expected.mean == pytest.approx(0.3)


def test_networks_that_failed_the_criterion_are_at_no_level(levels: pd.DataFrame) -> None:
    assert levels[(levels["group"] == "depth 1, SGD") & (levels["level"] == 4)].empty
    lost = levels[(levels["group"] == "depth 2, SGD") & (levels["level"] == 4) & (levels["mark"] == "seed")]
    assert lost["seed"].tolist() == [1, 2, 3]


def test_a_study_without_trends_has_no_levels(made: StudyResult) -> None:
    study = made.plan.study.model_copy(update={"claims": made.plan.study.claims[:1]})
    empty = levels_table(study, made.plan.conditions, made.table)
    assert empty.empty
    assert trend(empty).caption.startswith("No trends")


def test_a_trend_has_a_panel_per_group_and_its_numbers_in_the_csv(levels: pd.DataFrame) -> None:
    figure = trend(levels)
    panels = figure.drawing.axes
    assert [axes.get_title(loc="left") for axes in panels] == levels["group"].unique().tolist()
    assert {axes.get_xscale() for axes in panels} == {"log"}
    assert [tick.get_text() for tick in panels[2].get_xticklabels()] == ["4", "8", "16"]
    known = figure.numbers[["value", "ci_low", "ci_high"]].to_numpy().ravel()
    known = known[np.isfinite(known)]
    for axes in panels:
        segments = [y for lines in axes.collections for one in lines.get_segments() for y in one[:, 1]]
        drawn = np.append(segments, np.concatenate([line.get_ydata() for line in axes.lines[:-1]]))
        assert len(drawn) > 10
        assert np.abs(drawn[:, None] - known[None, :]).min(axis=1).max() < 1e-12


def test_an_interval_of_one_network_is_not_drawn(made: StudyResult) -> None:
    one = made.table[made.table["seed"] == 1]
    figure = trend(levels_table(made.plan.study, made.plan.conditions, one))
    assert all(np.isfinite(axes.get_ylim()).all() for axes in figure.drawing.axes)
    assert "n = 1 networks" in figure.caption


def test_the_map_has_a_cell_per_condition_and_marks_those_that_fail_the_criterion(made: StudyResult) -> None:
    claim, conditions = made.plan.study.claims[0], StudyTables(made).conditions
    assert forms_grid(conditions)
    figure = condition_map(contrast_values(claim, made), conditions, claim.statement, claim.describe())
    sgd, adam, bar = figure.drawing.axes
    assert [axes.get_title(loc="left") for axes in (sgd, adam)] == ["optimizer: SGD", "optimizer: Adam"]
    numbers = figure.numbers.set_index(["width", "depth", "optimizer"])
    assert numbers.loc[("16", "2", "Adam"), "value"] == pytest.approx(0.4)
    assert numbers["n"].tolist() == [0, 3] + [4] * 10
    texts = [text.get_text() for text in sgd.texts]
    assert {"none of 4", "n = 3 of 4", "+0.40"} <= set(texts)
    framed = [patch for patch in sgd.patches if isinstance(patch, Rectangle) and patch.get_linestyle() == "--"]
    assert len(framed) == 2
    assert bar.get_ylim()[0] == -bar.get_ylim()[1]


def test_a_map_of_nothing_is_a_sentence(made: StudyResult) -> None:
    values = contrast_values(made.plan.study.claims[0], made).assign(value=np.nan)
    figure = condition_map(values, StudyTables(made).conditions, "s", "t")
    assert figure.caption == "No map: no network was analysed in any condition."


@pytest.mark.parametrize(
    ("factors", "drawn"),
    [
        ([(a, b) for a in "abc" for b in "xy"], True),
        ([(a, b) for a in "abcde" for b in "xy"][:6], True),
        ([(a, a) for a in "abcdefg"], False),
        ([(a, "x") for a in "abcdefg"], False),
        ([(a, b) for a in "ab" for b in "xy"], False),
        ([("a", "x"), *((a, b) for a in "abc" for b in "xy")], False),
        ([(a, b) for a in range(13) for b in range(2)], False),
    ],
    ids=["grid", "nearly a grid", "no grid", "one factor", "too few", "not told apart", "many levels"],
)
def test_what_forms_a_grid(factors: list[tuple[object, object]], drawn: bool) -> None:
    conditions = pd.DataFrame(factors, columns=["one", "two"]).assign(penultimate="hidden.0")
    conditions.insert(0, "condition", [str(place) for place in range(len(factors))])
    assert forms_grid(conditions) is drawn


def test_figures_draw_features_and_only_the_last_one_probes(made: StudyResult) -> None:
    figures = {figure.name: figure for figure in study_figures(made)}
    assert list(figures) == [
        "feature-gap",
        "claim-forest",
        "condition-map",
        "trend",
        "learning-curves",
        "layer-profile",
        "unit-histogram",
        "layer-contents",
    ]
    for name in ("feature-gap", "learning-curves", "layer-profile", "unit-histogram"):
        assert set(figures[name].numbers["feature"].dropna()) == {"easy", "hard"}, name
    numbers = figures["layer-contents"].numbers
    kinds = numbers.drop_duplicates("feature").set_index("feature")["kind"].to_dict()
    assert kinds == {"easy": "feature", "hard": "feature", "pair": "probe", "everything together": "together"}
    together = numbers[(numbers["feature"] == "everything together") & (numbers["mark"] == "mean")]
    assert together["value"].to_numpy() == pytest.approx(0.87)
    drawn = [patch.get_width() for patch in figures["layer-contents"].drawing.axes[0].patches]
    assert len(drawn) == 0  # its first condition failed the accuracy criterion in every network
    assert "(all)" not in set(labelled_features(made.table, made)["feature"])


def test_a_study_without_probes_or_comparisons_has_the_five_figures() -> None:
    names = [figure.name for figure in study_figures(result())]
    assert names == ["feature-gap", "claim-forest", "learning-curves", "layer-profile", "unit-histogram"]


def test_a_claim_of_no_effect_has_two_bounds(made: StudyResult) -> None:
    figure = claim_forest(made.claims, StudyTables(made).conditions)
    gap, slope, alike = figure.drawing.axes
    bounds = [{line.get_xdata()[0] for line in axes.lines if line.is_dashed()} for axes in (gap, slope, alike)]
    assert bounds == [{0.05}, {0.02}, {-0.06, 0.06}]
    assert alike.get_xlim()[0] < -0.06
    assert "Two dashed lines" in figure.caption
    groups = [label.get_text() for label in slope.get_yticklabels()]
    assert groups == ["depth 1, SGD", "depth 2, SGD", "depth 1, Adam", "depth 2, Adam"]


def test_the_answer_counts_comparisons_and_gives_the_unit_of_a_slope(made: StudyResult) -> None:
    sentences = [sentence.replace("\N{NO-BREAK SPACE}", " ") for sentence in answer(made)]
    assert sentences[0].startswith("Inconclusive (replicated in 10, no data in 2 of 12 conditions): easy explains ")
    assert sentences[1] == (
        "C9, replicated in 4 of 4 comparisons: “The gap grows with width” "
        "(mean effect 10 percentage points per doubling of width)."
    )
    assert sentences[2].startswith("C10, inconclusive (replicated in 4, no data in 2 of 6 comparisons): “Alike”")


def test_a_claim_whose_conditions_are_of_another_scale_is_not_tested(made: StudyResult) -> None:
    study = made.plan.study
    names = tuple(one.name for one in study.conditions if one.factors["optimizer"] == "SGD")
    update = {"scales": {"quick": Scale(conditions=names, seeds=4)}, "claims": study.claims[::-1]}
    sentences = answer(result([(0.5, 0.1)] * 6, study=study.model_copy(update=update)))
    assert sentences[0] == "Not tested at the quick scale: Alike."
    assert sentences[1].startswith("C9, no effect in 2 of 2 comparisons")


def test_the_page_tells_groups_bounds_and_corrected_p(tmp_path: Path) -> None:
    page = write_report(result([(0.5, 0.1)] * 4, study=crossed((4, 8), (1,))), tmp_path)
    html = page.read_text(encoding="utf-8")
    assert '<th scope="row">depth 1, Adam</th>' in html
    assert "within ±0.060" in html
    assert "&lt; 0.001" in html
    claims = pd.read_csv(page.parent / "tables" / "claims.csv")
    assert {"p", "test", "corrected"} <= set(claims.columns)


@pytest.fixture(scope="module")
def many() -> StudyResult:
    """Sixteen conditions."""
    study = crossed((2, 4, 8, 16), (1, 2))
    return result([(0.5, 0.2)] * 16, study=study, seeds=1)


def test_a_page_of_many_conditions_stays_small_and_has_every_number(many: StudyResult, tmp_path: Path) -> None:
    page = write_report(many, tmp_path)
    assert page.stat().st_size < 3_000_000
    numbers = pd.read_csv(page.parent / "figures" / "learning-curves.csv")
    assert numbers["condition"].nunique() == 16
    html = page.read_text(encoding="utf-8")
    assert "shows 12 of 16 conditions" in html
    assert html.count("Not shown: ") >= 4


def test_the_conditions_not_drawn_are_named(many: StudyResult) -> None:
    conditions = StudyTables(many).conditions
    shown, sentence = select.drawn_titles(conditions), select.drawn_sentence(conditions)
    titles = select.titles(conditions)
    assert len(shown) == 12
    assert {next(iter(titles)), list(titles)[-1]} <= set(shown)
    named = sentence.split("Not shown: ")[1].rstrip(".").split("; ")
    assert sorted([*named, *shown.values()]) == sorted(titles.values())
    assert select.drawn_sentence(conditions[:12]) == ""
