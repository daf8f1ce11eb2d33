"""Figures of what analyses find: curves, matrices of networks, maps of stimuli."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text
from study_results import result

from repbias.core.statistics import mean_interval
from repbias.experiments.analysis import TABLES, Analysis
from repbias.figures.analysis_curves import analysis_curves
from repbias.figures.analysis_maps import network_matrix, stimulus_map
from repbias.figures.figure import Figure, save_figure
from repbias.report.study_report import write_report
from repbias.runs.results import StudyResult
from repbias.runs.study_figures import study_figures

ODD = ("a_very $long$ name of a condition that goes on and on, number 1", "$x_2$ ünï_", "b_$")
PLACE = ("condition", "seed")
SWEPT = {"r2": (1, 2, 3), "accuracy": (0, 1)}


def conditions(*names: str) -> pd.DataFrame:
    return pd.DataFrame({"condition": list(names)})


def curves(
    *names: str,
    features: Sequence[str] = ("easy", "hard"),
    swept: dict[str, Sequence[float]] | None = None,
    layers: Sequence[str] = ("hidden.3",),
    networks: int = 3,
) -> pd.DataFrame:
    """Random values of every condition, network, layer, feature, curve and x."""
    random = np.random.default_rng(0)
    rows = [
        (name, network, layer, feature, curve, x, random.uniform(0.1, 0.9))
        for name, network, layer, feature in itertools.product(names, range(networks), layers, features)
        for curve, xs in (swept or {"r2": (1, 2, 3)}).items()
        for x in xs
    ]
    return pd.DataFrame(rows, columns=["condition", "seed", "layer", "feature", "curve", "x", "value"])


def matrix(*kinds: str, measures: Sequence[str] = ("rsa",), networks: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Random similarities of every two networks, and the means of the blocks without seeds in common."""
    random = np.random.default_rng(0)
    networks = list(itertools.product(kinds, range(networks)))
    rows = [(*one, *other, name) for name in measures for one, other in itertools.combinations(networks, 2)]
    pairs = pd.DataFrame(rows, columns=["condition", "seed", "other", "other_seed", "measure"])
    pairs["value"] = random.uniform(0.2, 0.9, len(pairs))
    apart = pairs[pairs["seed"] != pairs["other_seed"]]
    means = apart.groupby(["condition", "other", "measure"], sort=False)["value"].mean().reset_index()
    return pairs, means.assign(ci_low=means["value"] - 0.0625, ci_high=means["value"] + 0.0625)


def points(
    *names: str, features: Sequence[str] = ("easy", "hard"), layers: Sequence[str] = ("hidden.3",)
) -> pd.DataFrame:
    """Twenty stimuli of two networks of every condition, laid out at random."""
    random = np.random.default_rng(0)
    frames = [
        pd.DataFrame(random.normal(size=(20, 2)), columns=["x", "y"]).assign(
            condition=name,
            seed=network,
            layer=layer,
            stimulus=range(20),
            **{one: random.integers(0, 2, 20) for one in features},
        )
        for name, network, layer in itertools.product(names, (3, 5), layers)
    ]
    return pd.concat(frames, ignore_index=True)


def panels(figure: Figure) -> list[Axes]:
    """The panels that have a title, in the order they were drawn."""
    return [axes for axes in figure.drawing.axes if axes.get_title(loc="left")]


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left").replace("\n", " ") for axes in panels(figure)]


def words(figure: Figure) -> set[str]:
    return {text.get_text().replace("\n", " ") for text in figure.drawing.findobj(Text)}


def assert_literal(figure: Figure) -> None:
    """Hold that no name is typeset as mathematics: only the powers of ten of a logarithmic axis are."""
    dollars = [text for text in figure.drawing.findobj(Text) if "$" in text.get_text()]
    assert dollars
    assert not [text for text in dollars if text.get_parse_math() and "mathdefault" not in text.get_text()]


def _labels_drawn(axes: Axes) -> list[Text]:
    """The ticks' labels, without those that stand beyond the axes and are not drawn."""
    sides = [(axes.get_xticklabels(), 0, axes.get_xlim()), (axes.get_yticklabels(), 1, axes.get_ylim())]
    return [one for labels, i, limits in sides for one in labels if min(limits) <= one.get_position()[i] <= max(limits)]


def assert_nothing_overlaps_or_is_cut(figure: Figure) -> None:
    """Hold titles, labels and axes titles within the figure and apart from one another."""
    figure.drawing.canvas.draw()
    texts = [label for axes in figure.drawing.axes for label in _labels_drawn(axes)]
    texts += [text for axes in figure.drawing.axes for text in (axes._left_title, axes.xaxis.label, axes.yaxis.label)]
    boxes = {text: text.get_window_extent() for text in texts if text.get_text() and text.get_visible()}
    whole = figure.drawing.bbox
    for text, box in boxes.items():
        assert whole.x0 <= box.x0 <= box.x1 <= whole.x1, text
        assert whole.y0 <= box.y0 <= box.y1 <= whole.y1, text
    for (one, a), (other, b) in itertools.combinations(boxes.items(), 2):
        assert not a.overlaps(b), (one, other)


class TestCurves:
    def test_the_numbers_are_the_tables_and_their_means_with_intervals(self) -> None:
        table = curves("one", "two", swept=SWEPT, layers=("hidden.0", "hidden.1"), networks=4)
        numbers = analysis_curves(table, conditions("one", "two"), {}).numbers
        seeds = numbers[numbers["mark"] == "seed"][table.columns]
        pd.testing.assert_frame_equal(seeds.reset_index(drop=True), table, check_dtype=False)
        means = numbers[numbers["mark"] == "mean"]
        assert len(means) * 4 == len(table)
        for row in means.itertuples():
            same = [table[name] == getattr(row, name) for name in ("condition", "layer", "feature", "curve", "x")]
            wanted = mean_interval(table.loc[np.logical_and.reduce(same), "value"].to_list())
            assert (row.value, row.ci_low, row.ci_high, row.n) == pytest.approx(
                (wanted.mean, wanted.ci_low, wanted.ci_high, wanted.n)
            )

    def test_the_lines_and_bands_drawn_are_the_numbers(self) -> None:
        figure = analysis_curves(curves("one", "two", swept=SWEPT), conditions("one", "two"), {})
        means = figure.numbers[figure.numbers["mark"] == "mean"]
        places = [(curve, name) for curve in SWEPT for name in ("one", "two")]
        for axes, (curve, condition) in zip(panels(figure), places, strict=True):
            own = means[(means["curve"] == curve) & (means["condition"] == condition)]
            features = [own[own["feature"] == name] for name in ("easy", "hard")]
            for line, band, feature in zip(axes.lines, axes.collections, features, strict=False):
                np.testing.assert_array_equal(line.get_xydata(), feature[["x", "value"]].to_numpy(float))
                edge = {tuple(corner) for corner in band.get_paths()[0].vertices}
                assert edge == {
                    (x, y) for side in ("ci_low", "ci_high") for x, y in feature[["x", side]].to_numpy(float)
                }
            assert len(axes.collections) == 2

    def test_networks_in_any_order_and_swept_values_in_any_order_are_drawn_alike(self) -> None:
        table = curves("one")
        one, other = (analysis_curves(given, conditions("one"), {}) for given in (table, table[::-1]))
        drawn = [
            {line.get_color(): line.get_xydata().round(12).tolist() for line in panels(figure)[0].lines}
            for figure in (one, other)
        ]
        assert drawn[0] == drawn[1]

    def test_a_curve_has_its_panels_in_rows_of_at_most_four_in_the_order_of_the_conditions(self) -> None:
        names = [f"c{i}" for i in range(8)]
        table = curves(*reversed(names), swept=SWEPT, networks=1)
        figure = analysis_curves(table, conditions(*names), {"r2": ("component", "R2"), "accuracy": ("kept", "right")})
        assert titles(figure) == names * 2
        assert [axes.get_xlabel() for axes in panels(figure)] == ["component"] * 8 + ["kept"] * 8
        labelled = [axes.get_ylabel() for axes in panels(figure)]
        assert labelled == [*["R2", "", "", ""] * 2, *["right", "", "", ""] * 2]
        assert figure.drawing.get_figwidth() < 13
        assert_nothing_overlaps_or_is_cut(figure)

    def test_curves_without_titles_are_called_by_their_names(self) -> None:
        (axes,) = panels(analysis_curves(curves("one", swept={"a_$b$": (1, 2)}), conditions("one"), {}))
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("a_$b$", "a_$b$")

    @pytest.mark.parametrize(
        ("swept", "scale"),
        [
            ((1, 10, 100), "log"),
            ((0.001, 0.1), "log"),
            ((1, 10), "linear"),
            ((0, 10, 100), "linear"),
            ((-1, 99), "linear"),
        ],
    )
    def test_what_spans_decades_is_on_a_logarithmic_axis(self, swept: tuple[float, ...], scale: str) -> None:
        figure = analysis_curves(curves("one", "two", swept={"c": swept}), conditions("one", "two"), {})
        assert [axes.get_xscale() for axes in panels(figure)] == [scale] * 2

    def test_the_panels_of_a_curve_share_an_axis_on_which_every_network_has_room(self) -> None:
        table = curves("one", "two")
        table.loc[table["condition"] == "two", "value"] *= -5
        figure = analysis_curves(table, conditions("one", "two"), {})
        (low, high), other = (axes.get_ylim() for axes in panels(figure))
        assert (low, high) == other
        assert low < table["value"].min() < table["value"].max() < high

    def test_a_single_network_has_a_line_and_no_band(self) -> None:
        (axes,) = panels(analysis_curves(curves("one", networks=1), conditions("one"), {}))
        assert [len(line.get_xdata()) for line in axes.lines[:2]] == [3, 3]
        assert not any(len(path.vertices) for band in axes.collections for path in band.get_paths())

    def test_values_that_are_missing_are_not_averaged(self) -> None:
        table = curves("one", features=["easy"])
        table.loc[(table["x"] == 3), "value"] = np.nan
        table.loc[(table["x"] == 2) & (table["seed"] == 0), "value"] = np.nan
        numbers = analysis_curves(table, conditions("one"), {}).numbers
        means = numbers[numbers["mark"] == "mean"].set_index("x")
        assert means["n"].to_dict() == {1: 3, 2: 2}
        assert means.loc[2, "value"] == pytest.approx(table.loc[table["x"] == 2, "value"].dropna().mean())

    def test_a_condition_without_curves_says_so(self, tmp_path: Path) -> None:
        table = curves("one", "two")
        table.loc[table["condition"] == "two", "value"] = np.nan
        figure = analysis_curves(table, conditions("one", "two"), {})
        said = [[text.get_text() for text in axes.texts] for axes in panels(figure)]
        assert said == [[], ["not analysed"]]
        save_figure(figure, tmp_path)

    def test_conditions_without_curves_have_no_panel_even_where_others_are_many(self) -> None:
        names = [f"c{i}" for i in range(30)]
        figure = analysis_curves(curves("c7", networks=1), conditions(*names), {})
        assert titles(figure) == ["c7"]
        assert "Not drawn" not in figure.caption

    def test_of_very_many_conditions_the_caption_tells_which_have_no_panel(self) -> None:
        names = [f"c{i}" for i in range(30)]
        figure = analysis_curves(curves(*names, networks=1), conditions(*names), {})
        assert len(titles(figure)) == 12
        assert "12 of 30 conditions" in figure.caption
        assert set(figure.numbers["condition"]) == set(names)

    def test_of_several_layers_the_last_is_solid(self) -> None:
        figure = analysis_curves(curves("one", layers=("hidden.0", "hidden.1")), conditions("one"), {})
        (axes,) = panels(figure)
        assert [line.get_linestyle() for line in axes.lines[:4]] == ["--", "--", "-", "-"]
        assert len(axes.collections) == 2
        assert "Solid lines are layer hidden.1;" in figure.caption

    def test_the_caption_names_the_layer_of_each_condition(self) -> None:
        table = pd.concat([curves("one", layers=["hidden.3"]), curves("two", layers=["hidden.5"])])
        figure = analysis_curves(table, conditions("one", "two"), {})
        assert "hidden.3 or hidden.5" in figure.caption
        assert "dashed" not in figure.caption
        assert {line.get_linestyle() for axes in panels(figure) for line in axes.lines} == {"-"}

    def test_odd_names_are_drawn_as_they_are_and_stay_apart(self, tmp_path: Path) -> None:
        title = "swept $x_1$ with a title that goes on and on until it needs two lines"
        swept = {"c$_1$": (0.001, 0.1, 10), "other": (-1, 0, 1)}
        table = curves(*ODD, swept=swept, features=("a_1 $y$", "_b"))
        figure = analysis_curves(table, conditions(*ODD), {"c$_1$": (title, "value_of $y$")})
        assert {*ODD, title, "value_of $y$", "a_1 $y$", "_b"} <= words(figure)
        assert_literal(figure)
        assert_nothing_overlaps_or_is_cut(figure)
        save_figure(figure, tmp_path)


class TestMatrix:
    def image(self, figure: Figure, panel: int = 0) -> np.ndarray:
        return np.ma.filled(panels(figure)[panel].images[0].get_array(), np.nan)

    def test_the_numbers_are_the_tables(self) -> None:
        pairs, blocks = matrix("a", "b", measures=("rsa", "cka"))
        numbers = network_matrix(pairs, blocks, {}).numbers
        for mark, table in (("pair", pairs), ("block", blocks)):
            own = numbers.loc[numbers["mark"] == mark, table.columns].reset_index(drop=True)
            pd.testing.assert_frame_equal(own, table, check_dtype=False)

    @pytest.mark.parametrize("both", [False, True], ids=["each pair once", "in both orders"])
    def test_every_cell_is_the_similarity_of_its_row_and_column(self, both: bool) -> None:
        pairs, blocks = matrix("b", "a")
        if both:
            turned = {"condition": "other", "seed": "other_seed", "other": "condition", "other_seed": "seed"}
            pairs = pd.concat([pairs, pairs.rename(columns=turned)], ignore_index=True)
        drawn = self.image(network_matrix(pairs, blocks, {}))
        networks = [("b", 0), ("b", 1), ("b", 2), ("a", 0), ("a", 1), ("a", 2)]
        for row in pairs.itertuples():
            one, other = networks.index((row.condition, row.seed)), networks.index((row.other, row.other_seed))
            assert drawn[one, other] == drawn[other, one] == row.value
        assert np.isnan(np.diag(drawn)).all()

    def test_each_block_shows_its_mean_and_interval_at_both_its_places(self) -> None:
        pairs, blocks = matrix("a", "b", networks=4)
        (axes,) = panels(network_matrix(pairs, blocks, {"rsa": "RSA of $RDMs_1$"}))
        assert axes.get_title(loc="left") == "RSA of $RDMs_1$"
        middle = {"a": 1.5, "b": 5.5}
        assert (
            dict(zip((label.get_text() for label in axes.get_xticklabels()), axes.get_xticks(), strict=True)) == middle
        )
        told = sorted((text.get_position(), text.get_text()) for text in axes.texts)
        wanted = []
        for row in blocks.itertuples():
            for place in {(middle[row.condition], middle[row.other]), (middle[row.other], middle[row.condition])}:
                wanted += [(place, f"{row.value:.2f}"), (place, f"[{row.ci_low:.2f}, {row.ci_high:.2f}]")]
        assert told == sorted(wanted)

    def test_blocks_that_are_not_known_are_left_empty(self) -> None:
        pairs, blocks = matrix("a", "b")
        blocks = blocks.assign(value=[0.5, np.nan, 0.25], ci_low=[0.4, np.nan, np.nan], ci_high=[0.6, np.nan, np.nan])
        (axes,) = panels(network_matrix(pairs, blocks, {}))
        assert sorted(text.get_text() for text in axes.texts) == ["0.25", "0.50", "[0.40, 0.60]"]

    def test_there_may_be_no_blocks(self) -> None:
        pairs, blocks = matrix("a", "b")
        figure = network_matrix(pairs, blocks[:0], {})
        assert len(panels(figure)[0].texts) == 0
        assert set(figure.numbers["mark"]) == {"pair"}

    def test_unknown_similarities_are_blank_and_all_may_be(self, tmp_path: Path) -> None:
        pairs, blocks = matrix("a", "b")
        pairs.loc[0, "value"] = np.nan
        assert np.isnan(self.image(network_matrix(pairs, blocks, {}))[0, 1])
        save_figure(network_matrix(pairs.assign(value=np.nan), blocks, {}), tmp_path)

    def test_one_network_per_condition_is_a_matrix_too(self) -> None:
        pairs, _ = matrix("a", "b", networks=1)
        figure = network_matrix(pairs, pd.DataFrame(columns=list(TABLES["blocks"])), {})
        assert self.image(figure)[0, 1] == pairs["value"].item()
        assert "n = 1 networks per condition" in figure.caption

    def test_the_scale_reaches_from_nothing_or_below_to_one(self) -> None:
        pairs, blocks = matrix("a", "b")
        pairs.loc[0, "value"] = -0.25
        (axes,) = panels(network_matrix(pairs, blocks, {}))
        assert axes.images[0].get_clim() == (-0.25, 1)
        (axes,) = panels(network_matrix(pairs.assign(value=0.5), blocks, {}))
        assert axes.images[0].get_clim() == (0, 1)

    def test_the_caption_counts_the_networks(self) -> None:
        pairs, blocks = matrix("a", "b")
        fewer = pairs[~((pairs["other"] == "b") & (pairs["other_seed"] == 2))]
        fewer = fewer[~((fewer["condition"] == "b") & (fewer["seed"] == 2))]
        assert "n = 2 to 3 networks per condition" in network_matrix(fewer, blocks, {}).caption

    @pytest.mark.parametrize(
        ("kinds", "measures"),
        [
            (ODD, ("r$_2$", "b", "c", "d")),
            ((*ODD, "untrained", "both", "easy", "hard", "easy only of many"), ("r$_2$",)),
        ],
        ids=["three kinds, four measures", "eight kinds, one measure"],
    )
    def test_odd_names_are_drawn_as_they_are_and_stay_apart(
        self, kinds: tuple[str, ...], measures: tuple[str, ...]
    ) -> None:
        pairs, blocks = matrix(*kinds, measures=measures, networks=2)
        figure = network_matrix(pairs, blocks, {"b": "b_$1$"})
        assert titles(figure) == ["r$_2$", "b_$1$", "c", "d"][: len(measures)]
        assert {"b_$", "$x_2$ ünï_"} <= words(figure)
        assert_literal(figure)
        assert_nothing_overlaps_or_is_cut(figure)
        for axes in panels(figure):
            boxes = [text.get_window_extent() for text in axes.texts if text.get_text().startswith("[")]
            assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


class TestMap:
    def test_the_points_drawn_are_the_numbers_of_the_first_network_coloured_by_each_feature(self) -> None:
        table = points("two", "one")
        figure = stimulus_map(table, conditions("one", "two"))
        first = table[table["seed"] == 3]
        assert figure.numbers["mark"].unique().tolist() == ["stimulus"]
        own = figure.numbers[table.columns].sort_values(["condition", "stimulus"]).reset_index(drop=True)
        pd.testing.assert_frame_equal(own, first.sort_values(["condition", "stimulus"]).reset_index(drop=True))
        assert titles(figure) == ["one by easy", "one by hard", "two by easy", "two by hard"]
        for axes, (name, feature) in zip(
            panels(figure), itertools.product(("one", "two"), ("easy", "hard")), strict=True
        ):
            here = first[first["condition"] == name]
            assert len({line.get_color() for line in axes.lines}) == 2
            for line, value in zip(axes.lines, (0, 1), strict=True):
                np.testing.assert_array_equal(line.get_xydata(), here.loc[here[feature] == value, ["x", "y"]])

    def test_several_layers_are_not_drawn_onto_one_another(self) -> None:
        figure = stimulus_map(points("one", features=["easy"], layers=("hidden.0", "hidden.1")), conditions("one"))
        assert titles(figure) == ["one hidden.0, by easy", "one hidden.1, by easy"]
        assert [sum(len(line.get_xdata()) for line in axes.lines) for axes in panels(figure)] == [20, 20]

    def test_a_feature_that_a_condition_lacks_is_marked_as_such(self) -> None:
        table = pd.concat([points("one", features=["easy"]), points("two", features=["hard"])], ignore_index=True)
        figure = stimulus_map(table, conditions("one", "two"))
        said = [[text.get_text() for text in axes.texts] for axes in panels(figure)]
        assert said == [[], ["not a feature here"], ["not a feature here"], []]

    def test_points_that_have_no_place_are_not_drawn(self, tmp_path: Path) -> None:
        table = points("one")
        table.loc[:4, ["x", "y"]] = np.nan
        save_figure(stimulus_map(table, conditions("one")), tmp_path)

    def test_conditions_without_points_have_no_row_even_where_others_are_many(self) -> None:
        names = [f"c{i}" for i in range(30)]
        assert titles(stimulus_map(points("c7"), conditions(*names))) == ["c7 by easy", "c7 by hard"]

    def test_odd_names_are_drawn_as_they_are_and_stay_apart(self, tmp_path: Path) -> None:
        features = ("a_1 $y$", "another feature of a long name, with more", "ü_")
        figure = stimulus_map(points(*ODD, features=features), conditions(*ODD))
        assert "$x_2$ ünï_ by a_1 $y$" in titles(figure)
        assert "b_$ by ü_" in titles(figure)
        assert "b_$ by another feature of a …" in titles(figure)  # the feature is told beside the longest condition
        assert_literal(figure)
        assert_nothing_overlaps_or_is_cut(figure)
        save_figure(figure, tmp_path)


DRAW: dict[str, tuple[Callable[[pd.DataFrame], Figure], pd.DataFrame, str]] = {
    "curves": (lambda table: analysis_curves(table, conditions("one"), {}), curves("one"), "No curves: "),
    "pairs": (lambda table: network_matrix(table, matrix("one")[1], {}), matrix("one")[0], "No similarities: "),
    "blocks": (lambda table: network_matrix(matrix("one")[0], table, {}), matrix("one")[1], ""),
    "points": (lambda table: stimulus_map(table, conditions("one")), points("one"), "No map of stimuli: "),
}


@pytest.mark.parametrize("name", ["curves", "pairs", "points"])
def test_an_empty_table_is_a_plain_sentence(name: str, tmp_path: Path) -> None:
    draw, table, lead = DRAW[name]
    for empty in (table[:0], pd.DataFrame(columns=table.columns)):
        figure = draw(empty)
        (axes,) = figure.drawing.axes
        assert axes.texts[0].get_text() == figure.caption
        assert figure.caption.startswith(lead)
        save_figure(figure, tmp_path)


@pytest.mark.parametrize(
    ("name", "column"),
    [(name, column) for name in DRAW for column in dict.fromkeys((*PLACE, *TABLES[name])) if column in DRAW[name][1]],
)
def test_a_missing_column_is_named(name: str, column: str) -> None:
    draw, table, _ = DRAW[name]
    with pytest.raises(ValueError, match=f"The {name} table needs the columns {column}; it has "):
        draw(table.drop(columns=column))


FINDINGS = {"pairs": "network-matrix", "curves": "analysis-curves", "points": "stimulus-map"}


def analysed(*names: str) -> StudyResult:
    """A made-up result of a study with an analysis of which some tables are there."""
    analysis = Analysis(
        function="own:analyse", measures=("gap",), curves={"r2": ("component", "R2")}, pairs={"rsa": "RSA"}
    )
    made = result()
    first, second = (one.name for one in made.plan.conditions)
    pairs, blocks = matrix(first, second)
    found = {"pairs": pairs, "blocks": blocks, "curves": curves(first, second), "points": points(first)}
    study = made.plan.study.model_copy(update={"analysis": analysis})
    return replace(made, plan=replace(made.plan, study=study), findings={name: found[name] for name in names})


@pytest.mark.parametrize(
    "names",
    [(), ("pairs",), ("curves", "points", "pairs", "blocks")],
    ids=["nothing", "pairs without blocks", "everything"],
)
def test_a_study_has_the_figures_of_its_analysis(names: tuple[str, ...]) -> None:
    drawn = {figure.name: figure for figure in study_figures(analysed(*names))}
    assert drawn.keys() & set(FINDINGS.values()) == {FINDINGS[name] for name in names if name in FINDINGS}
    if "curves" in names:
        assert panels(drawn["analysis-curves"])[0].get_xlabel() == "component"
    if "pairs" in names:
        assert titles(drawn["network-matrix"]) == ["RSA"]


def test_the_page_shows_them_and_their_numbers_lie_beside_it(tmp_path: Path) -> None:
    page = write_report(analysed("curves", "points", "pairs", "blocks"), tmp_path)
    text = page.read_text(encoding="utf-8")
    for name in FINDINGS.values():
        assert f"figures/{name}.svg" in text
        assert len(pd.read_csv(page.parent / "figures" / f"{name}.csv")) >= 18


def test_features_keep_their_colours_where_another_line_sorts_before_them() -> None:
    lines = pd.DataFrame(
        [("one", 0, "hidden.0", name, "accuracy", x, 0.5) for name in ("A total", "easy", "hard") for x in (1.0, 2.0)],
        columns=["condition", "seed", "layer", "feature", "curve", "x", "value"],
    )
    told = pd.DataFrame({"condition": ["one"], "penultimate": ["hidden.0"]})
    alone = analysis_curves(lines[lines["feature"] != "A total"], told, {}, ("easy", "hard"))
    beside = analysis_curves(lines, told, {}, ("easy", "hard"))

    def colours(figure: Figure) -> list[str]:
        return [str(handle.get_color()) for handle in figure.drawing.legends[0].get_lines()]

    assert colours(beside)[:2] == colours(alone)
    assert len(set(colours(beside))) == 3
