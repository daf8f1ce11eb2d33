from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle, StepPatch
from report_tables import Tables, all_figures, study

from repbias.experiments.ladder import POINT_COLUMNS
from repbias.figures import select
from repbias.figures.crossed import factor_effects
from repbias.figures.curves import learning_curves
from repbias.figures.figure import Figure, numbers_as_csv, save_figure
from repbias.figures.forest import claim_forest
from repbias.figures.gap import feature_gap
from repbias.figures.layers import layer_profile
from repbias.figures.levels import ladder

HOSTILE = "<script>alert(1)</script> \"quoted\" & 'single' $x^2$ _ü -- ]]> 漢字"


def drawn_values(axes: Axes) -> list[float]:
    """Every value an axes draws in its own data coordinates, on y, or on x for a forest plot's rows."""
    values: list[float] = []
    for line in axes.lines:
        if line.get_transform() == axes.transData:
            values.extend(np.ravel(line.get_ydata()))
    for patch in axes.patches:
        if isinstance(patch, StepPatch):
            values.extend(patch.get_data()[0])
        elif isinstance(patch, Rectangle) and patch.get_data_transform() == axes.transData:
            values.append(patch.get_height())
    for collection in axes.collections:
        if isinstance(collection, LineCollection):
            values.extend(y for segment in collection.get_segments() for y in segment[:, 1])
    return [float(value) for value in values if np.isfinite(value)]


def test_every_number_drawn_is_in_the_csv(small: Tables) -> None:
    for figure in all_figures(small):
        if figure.name == "claim-forest":
            continue
        numeric = figure.numbers.select_dtypes("number").to_numpy(dtype=float, na_value=np.nan).ravel()
        known = np.append(np.unique(numeric[np.isfinite(numeric)]), 0.0)
        drawn = np.concatenate([drawn_values(axes) for axes in figure.drawing.axes])
        assert len(drawn) > 20, figure.name
        nearest = np.abs(drawn[:, None] - known[None, :]).min(axis=1)
        assert nearest.max() < 1e-9, figure.name


def test_every_interval_drawn_in_the_forest_is_in_the_csv(small: Tables) -> None:
    figure = claim_forest(small.claims, small.conditions)
    columns = ["estimate", "ci_low", "ci_high", "sesoi"]
    known = {0.0, *figure.numbers[columns].to_numpy().ravel()}
    drawn = {float(x) for axes in figure.drawing.axes for line in axes.lines[1:] for x in np.ravel(line.get_xdata())}
    assert drawn <= known
    assert drawn >= set(small.claims[columns].to_numpy().ravel())


def test_mastery_ticks_stand_at_the_steps_in_the_csv(small: Tables) -> None:
    figure = learning_curves(small.table, small.conditions)
    ticks = {
        float(x)
        for axes in figure.drawing.axes
        for line in axes.lines
        if line.get_transform() == axes.get_xaxis_transform()
        for x in np.ravel(line.get_xdata())
    }
    assert ticks == set(small.table.loc[small.table["measure"] == "mastery_step", "value"])
    assert ticks == set(figure.numbers.loc[figure.numbers["mark"] == "mastery", "step"].astype(float))


def _parts_by_turns(claims: pd.DataFrame) -> list[pd.DataFrame]:
    """Claims in reverse order, with the parts of each claim in their given order."""
    parts = select.claim_parts(claims)
    return sorted(parts, key=lambda part: select.natural(part["id"].iloc[0]), reverse=True)


def test_the_order_of_rows_does_not_matter(small: Tables, tmp_path: Path) -> None:
    mixed = replace(
        small,
        table=small.table.sample(frac=1, random_state=1),
        units=small.units.sample(frac=1, random_state=2),
        claims=pd.concat([part.sample(frac=1, random_state=3) for part in _parts_by_turns(small.claims)]),
    )
    for one, other in zip(all_figures(small), all_figures(mixed), strict=True):
        assert numbers_as_csv(one.numbers) == numbers_as_csv(other.numbers), one.name
    one, other = feature_gap(small.table, small.conditions), feature_gap(mixed.table, mixed.conditions)
    a, b = save_figure(one, tmp_path / "a"), save_figure(other, tmp_path / "b")
    assert a.png.read_bytes() == b.png.read_bytes()


def test_svg_and_png_are_deterministic_and_undated(small: Tables, tmp_path: Path) -> None:
    first = save_figure(feature_gap(small.table, small.conditions), tmp_path / "a")
    again = save_figure(feature_gap(small.table, small.conditions), tmp_path / "b")
    for one, other in ((first.svg, again.svg), (first.png, again.png), (first.csv, again.csv)):
        assert one.read_bytes() == other.read_bytes()
    assert b"<dc:date>" not in first.svg.read_bytes()
    assert b"<text" not in first.svg.read_bytes()


def test_no_global_state_is_left(small: Tables, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    save_figure(feature_gap(small.table, small.conditions), tmp_path)
    claim_forest(small.claims, small.conditions)
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == []


def test_style_of_the_user_does_not_leak_in(small: Tables, tmp_path: Path) -> None:
    expected = save_figure(feature_gap(small.table, small.conditions), tmp_path / "a").svg.read_bytes()
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "none", "axes.grid": True}):
        got = save_figure(feature_gap(small.table, small.conditions), tmp_path / "b").svg.read_bytes()
    assert got == expected


def test_hostile_names_are_drawn_as_they_are_and_never_become_markup(tmp_path: Path) -> None:
    tables = study(seeds=2, hard=("XOR2",), hard_name=HOSTILE)
    rename = {"hard=XOR2, architecture=6 x 64": HOSTILE}
    tables = replace(
        tables,
        table=tables.table.replace({"condition": rename}),
        units=tables.units.replace({"condition": rename}),
        claims=tables.claims.replace({"condition": rename}).assign(statement=HOSTILE, statistic=HOSTILE),
        conditions=tables.conditions.replace({"condition": rename}).drop(columns=["hard", "architecture"]),
    )
    for figure in all_figures(tables):
        files = save_figure(figure, tmp_path)
        svg = files.svg.read_text(encoding="utf-8")
        assert "<script" not in svg
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(svg).iter()}
        assert tags <= {"svg", "defs", "style", "g", "path", "use", "clipPath", "rect", "metadata", "image"}
        assert HOSTILE in set(pd.read_csv(files.csv).astype(str).to_numpy().ravel())


def rows(network: int, feature: str, steps: list[int], accuracy: list[float], explained: list[float]) -> pd.DataFrame:
    base = {"study": "s", "condition": "one", "seed": network, "step": steps, "feature": feature}
    return pd.concat(
        [
            pd.DataFrame({**base, "layer": "output", "measure": "accuracy", "value": accuracy}),
            pd.DataFrame({**base, "layer": "hidden.0", "measure": "r2_final", "value": explained}),
            pd.DataFrame({**base, "layer": "hidden.0", "measure": "r2", "value": explained}),
        ]
    )


ONE = pd.DataFrame({"condition": ["one"], "penultimate": ["hidden.0"]})


def test_a_network_that_stopped_stays_in_the_mean_with_its_last_value() -> None:
    short = rows(0, "easy", [0, 10], [0.5, 1.0], [0.0, 0.2])
    long = rows(1, "easy", [0, 10, 100], [0.5, 1.0, 1.0], [0.0, 0.3, 0.4])
    numbers = learning_curves(pd.concat([short, long]), ONE).numbers
    mean = numbers[numbers["mark"] == "mean"].set_index("step")["r2_final"]
    assert mean.to_dict() == pytest.approx({0: 0.0, 10: 0.25, 100: 0.3})


def test_final_values_are_those_of_each_networks_last_step() -> None:
    short = rows(0, "easy", [0, 10], [0.5, 1.0], [0.0, 0.2])
    long = rows(1, "easy", [0, 10, 100], [0.5, 1.0, 1.0], [0.0, 0.3, 0.4])
    numbers = feature_gap(pd.concat([short, long]), ONE).numbers
    assert numbers.loc[numbers["mark"] == "seed", "value"].tolist() == [0.2, 0.4]
    assert numbers.loc[numbers["mark"] == "mean", "value"].tolist() == pytest.approx([0.3])


def test_the_number_of_networks_that_mastered_a_feature_is_shown() -> None:
    table = pd.concat([rows(network, "hard", [0, 10], [0.5, 0.6], [0.0, 0.0]) for network in range(3)])
    figure = learning_curves(table, ONE)
    texts = [text.get_text() for axes in figure.drawing.axes for text in axes.texts]
    assert "hard: 0 of 3 mastered" in texts


def test_a_condition_without_networks_is_shown_as_not_measured(small: Tables) -> None:
    extra = small.conditions.iloc[[0]].assign(condition="never run", hard="AND")
    tables = replace(small, conditions=pd.concat([small.conditions, extra], ignore_index=True))
    for figure in all_figures(tables):
        if figure.name != "claim-forest":
            texts = [text.get_text().replace("\n", " ") for axes in figure.drawing.axes for text in axes.texts]
            assert "not measured" in texts, figure.name


def test_empty_tables_give_a_plain_sentence(small: Tables, tmp_path: Path) -> None:
    empty = replace(small, table=small.table[:0], units=small.units[:0], claims=small.claims[:0])
    for figure in all_figures(empty):
        save_figure(figure, tmp_path)
        (axes,) = figure.drawing.axes
        assert axes.texts[0].get_text() == figure.caption or figure.name in ("feature-gap",)
        assert figure.caption.startswith("No ")
        assert figure.numbers.empty


def test_a_claim_that_could_not_be_estimated_is_marked(small: Tables) -> None:
    claims = small.claims.assign(estimate=np.nan, ci_low=np.nan, ci_high=np.nan, n=0, verdict="no data")
    figure = claim_forest(claims.drop(columns=["n_planned", "sesoi"]), small.conditions)
    texts = [text.get_text().strip() for axes in figure.drawing.axes for text in axes.texts]
    assert texts.count("not estimated") == len(claims)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (
            lambda small: feature_gap(small.table.rename(columns={"value": "values"}), small.conditions),
            r"needs the columns value; .* Did you mean values",
        ),
        (lambda _: factor_effects(pd.DataFrame({"kind": []}), pd.DataFrame(), {}, "x"), "columns effect, estimate"),
        (lambda _: ladder(pd.DataFrame(columns=POINT_COLUMNS).drop(columns="y_low"), {}), "columns y_low"),
    ],
    ids=["gap", "effects", "ladder"],
)
def test_a_missing_column_is_named_with_the_nearest(
    small: Tables, draw: Callable[[Tables], Figure], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        draw(small)


def test_a_name_that_could_leave_its_folder_is_refused(small: Tables) -> None:
    figure = feature_gap(small.table, small.conditions)
    with pytest.raises(ValueError, match="lower-case letters"):
        Figure("../elsewhere", figure.title, figure.caption, figure.drawing, figure.numbers)


def test_each_part_of_a_claim_has_its_own_axis_and_smallest_effect(small: Tables) -> None:
    claims = small.claims.copy()
    late = claims["statement"].str.startswith("It grows most")
    claims.loc[late, "sesoi"] = 0.25
    axes = claim_forest(claims, small.conditions).drawing.axes
    assert len(axes) == 4
    smallest = [{line.get_xdata()[0] for line in one.lines if line.is_dashed()} for one in axes]
    assert smallest == [{0.05}, {0.05}, {0.05}, {0.25}]
    assert [one.get_xlabel() for one in axes][2:] == ["growth of R2(easy)", "early minus late growth of R2(easy)"]


def test_rows_of_the_forest_are_in_the_order_of_the_conditions(large: Tables) -> None:
    axes = claim_forest(large.claims, large.conditions).drawing.axes[0]
    rungs = [label.get_text() for label in axes.get_yticklabels()]
    made = zip(large.conditions["hard"], large.conditions["architecture"], strict=True)
    assert rungs == [f"{hard} · {network}" for hard, network in made]


def test_layers_stand_from_input_to_readout_and_the_penultimate_is_marked(small: Tables) -> None:
    shallow = layer_profile(small.table, small.conditions).drawing.axes[0]
    ticks = shallow.get_xticklabels()
    assert [tick.get_text() for tick in ticks] == ["input", "1", "2", "3", "4", "readout"]
    assert [tick.get_text() for tick in ticks if tick.get_fontweight() == "bold"] == ["4"]


def test_names_of_layers_do_not_run_into_one_another(small: Tables) -> None:
    long = {f"hidden.{index}": f"stage{index}.block.convolution" for index in range(6)}
    renamed = small.table.assign(layer=small.table["layer"].cat.rename_categories(long))
    for table in (small.table, renamed):
        drawing = layer_profile(table, small.conditions).drawing
        drawing.canvas.draw()
        for axes in drawing.axes:
            boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
            turned = axes.get_xticklabels()[0].get_rotation() > 0
            assert turned or all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))


def test_labels_of_many_conditions_do_not_run_into_one_another(small: Tables) -> None:
    conditions = pd.concat([small.conditions.iloc[:1]] * 24, ignore_index=True)
    optimizers = ["SGD", "SGD, momentum", "AdamW, decay 0.1"] * 8
    conditions = conditions.assign(condition=[f"{n}" for n in range(24)], optimizer=optimizers, architecture=range(24))
    drawing = feature_gap(_for_each(small, conditions), conditions).drawing
    drawing.canvas.draw()
    for axes in drawing.axes:
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
        assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))
    assert drawing.get_size_inches()[0] < 13


def test_a_condition_takes_room_for_the_features_that_it_has(small: Tables) -> None:
    conditions = small.conditions.iloc[:1]
    few = _for_each(small, conditions)
    more = pd.concat([few, *(few.assign(feature=name) for name in "abcdef")])
    other = few.assign(condition="other")
    both = pd.concat([conditions, conditions.assign(condition="other")])
    drawn = [feature_gap(pd.concat([one, other]), both).drawing.axes[0] for one in (few, more)]
    narrow, wide = (axes.get_xticks() for axes in drawn)
    assert wide[0] > 1.9 * narrow[0]
    assert wide[1] - wide[0] < 2 * wide[0]


def _for_each(tables: Tables, conditions: pd.DataFrame) -> pd.DataFrame:
    """The measurements of the first condition, given to each of `conditions`."""
    first = tables.table[tables.table["condition"] == tables.conditions["condition"].iloc[0]]
    return pd.concat([first.assign(condition=name) for name in conditions["condition"]], ignore_index=True)


@pytest.mark.parametrize(("count", "most", "columns"), [(12, 4, 4), (12, 3, 2), (6, 4, 2), (2, 4, 2), (10, 4, 2)])
def test_a_row_of_panels_begins_with_the_first_level_of_the_last_factor(count: int, most: int, columns: int) -> None:
    names = [f"{index}" for index in range(count)]
    networks = ["wide", "deep"] * (count // 2)
    ladder = [index // 2 for index in range(count)]
    conditions = pd.DataFrame({"condition": names, "hard": ladder, "architecture": networks})
    assert select.panel_columns(conditions, most) == columns


def test_a_caption_names_the_factors_that_do_not_vary(small: Tables) -> None:
    one = small.conditions[small.conditions["hard"] == "XOR2"]
    assert "in each of 2 conditions (hard: XOR2)" in feature_gap(small.table, one).caption


def test_layers_are_counted_not_spelled() -> None:
    from repbias.figures.select import layer_order

    assert layer_order(pd.Series(["hidden.10", "hidden.9", "hidden.1"])) == ["hidden.1", "hidden.9", "hidden.10"]
    named = pd.Categorical(["pool", "conv"], categories=["stem", "conv", "pool"], ordered=True)
    assert layer_order(pd.Series(named)) == ["conv", "pool"]
