"""The figure of channels by rank: means over networks, a panel a stage and condition, and its place on the page."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from repbias.analyses.channels import MAP, MEAN
from repbias.figures.analysis_curves import channel_spread
from repbias.figures.figure import Figure
from repbias.runs.study_figures import curve_figures

CHANNELS = {"stage.0.mean": 4, "pool": 6}
FEATURES = ("colour", "shape")


def conditions(*names: str) -> pd.DataFrame:
    return pd.DataFrame({"condition": list(names)})


def curves(*names: str, networks: int = 3) -> pd.DataFrame:
    """Falling random values of the channels of two stages."""
    random = np.random.default_rng(0)
    frames = [
        pd.DataFrame({"x": np.arange(1.0, count + 1), "value": -np.sort(-random.uniform(-0.02, 0.9, count))}).assign(
            condition=name, seed=network, layer=layer, feature=feature, curve=curve
        )
        for name in names
        for network in range(networks)
        for layer, count in CHANNELS.items()
        for feature in (*FEATURES, "position")
        for curve in (MAP, MEAN)
    ]
    return pd.concat(frames, ignore_index=True)


def drawn(table: pd.DataFrame, *names: str) -> Figure:
    return channel_spread(table, conditions(*names), MAP, MEAN, FEATURES)


def test_means_are_over_networks_at_each_rank_and_seeds_stand_beside_them() -> None:
    table = curves("a", "b")
    numbers = drawn(table, "a", "b").numbers
    place = ["condition", "layer", "feature", "curve"]
    means = numbers[numbers["mark"] == "mean"].set_index([*place, "rank"])["value"].sort_index()
    expected = table.groupby([*place, "x"])["value"].mean().rename_axis([*place, "rank"]).sort_index()
    pd.testing.assert_series_equal(means, expected)
    assert (numbers["mark"] == "seed").sum() == len(table)


def test_a_rank_is_a_share_of_the_channels_of_its_stage() -> None:
    numbers = drawn(curves("a"), "a").numbers
    for layer, count in CHANNELS.items():
        own = numbers[numbers["layer"] == layer]
        np.testing.assert_allclose(own["share"], own["rank"] / count)


def test_each_stage_has_a_panel_whose_lines_are_the_means_and_the_networks_of_the_map() -> None:
    figure = drawn(curves("a", "b"), "a", "b")
    panels = figure.drawing.axes
    assert [panel.get_title(loc="left") for panel in panels] == ["a", "", "b", ""]
    assert [panel.get_xlabel() for panel in panels] == [f"share of channels, stage {i}" for i in (0, 1)] * 2
    for panel in panels:
        styles = [line.get_linestyle() for line in panel.patches]
        assert (len(styles), styles.count("--")) == (3 * (3 + 2), 3)
    mean = figure.numbers.query("mark == 'mean' and condition == 'b' and layer == 'pool' and feature == 'shape'")
    edges = [patch.get_data() for patch in panels[3].patches]
    for curve in (MAP, MEAN):
        values = mean[mean["curve"] == curve].sort_values("rank")["value"]
        assert any(np.array_equal(heights, values) for heights, _, _ in edges)


def test_features_have_their_colours_and_what_is_measured_beside_them_is_grey() -> None:
    texts = drawn(curves("a"), "a").drawing.legends[0].get_texts()
    coloured = {text.get_text(): tuple(int(str(text.get_color())[i : i + 2], 16) for i in (1, 3, 5)) for text in texts}
    assert list(coloured) == ["colour", "shape", "position"]
    spread = {name: max(channels) - min(channels) for name, channels in coloured.items()}
    assert spread["position"] < 30 < min(spread["colour"], spread["shape"])


def test_without_channels_it_says_so() -> None:
    figure = drawn(curves("a").iloc[:0], "a")
    assert figure.caption.startswith("No channels")
    assert figure.numbers.empty


@pytest.mark.parametrize(
    ("swept", "expected"),
    [((MAP, MEAN), ["channels"]), (("r2",), ["analysis-curves"]), ((MAP, "r2"), ["channels", "analysis-curves"])],
)
def test_channels_by_rank_have_a_separate_figure(swept: tuple[str, ...], expected: list[str]) -> None:
    table = curves("a")
    table = pd.concat([table[table["curve"] == MAP].assign(curve=curve) for curve in swept])
    figures = list(curve_figures(table, conditions("a"), {}, FEATURES))
    assert [figure.name for figure in figures] == expected
