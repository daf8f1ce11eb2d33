"""Each contrast on tables made by hand, against numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from repbias.experiments import Contrast, FeatureDifference, Growth, LayerSlope, Level
from repbias.experiments.contrast import at_last_step
from repbias.experiments.growth import events

HIDDEN = ("hidden.0", "hidden.1")
COLUMNS = ["condition", "seed", "step", "layer", "feature", "measure", "value"]
Row = tuple[int, int, str, str, str, float]
DIFFERENCE = FeatureDifference(more="easy", less="hard")
GROWTH = Growth(feature="easy", over=("easy", "end"))
FASTER = Growth(feature="easy", over=("easy", "hard"), minus=("hard", "end"))
POINTS = {0: 0.0, 10: 0.1, 40: 0.35, 100: 0.45}
SLOPE = LayerSlope(more="easy", less="hard")
LEVEL = Level(of=("easy",), less=("hard",))


def table(rows: Iterable[Row]) -> pd.DataFrame:
    return pd.DataFrame([("a condition", *row) for row in rows], columns=COLUMNS)


def accuracy(network: int, step: int, easy: float = 1.0, hard: float = 1.0) -> list[Row]:
    values = {"easy": easy, "hard": hard}
    return [(network, step, "output", feature, "accuracy", value) for feature, value in values.items()]


def layer(network: int, step: int, easy: float, hard: float, name: str = "hidden.1", measure: str = "r2") -> list[Row]:
    return [(network, step, name, "easy", measure, easy), (network, step, name, "hard", measure, hard)]


def mastery(network: int, **steps: int) -> list[Row]:
    return [(network, step, "output", feature, "mastery_step", step) for feature, step in steps.items()]


def values(contrast: Contrast, rows: Iterable[Row], layers: tuple[str, ...] = HIDDEN) -> dict[int, float]:
    return {int(network): float(value) for network, value in contrast.per_seed(table(rows), layers).items()}


def curve(network: int, points: dict[int, float]) -> list[Row]:
    """A learning curve of the easy feature in the penultimate layer, and another in a layer that does not count."""
    return [
        row
        for step, value in points.items()
        for row in (
            (network, step, "hidden.1", "easy", "r2_final", value),
            (network, step, "hidden.0", "easy", "r2_final", 9 * value),
            (network, step, "hidden.1", "hard", "r2_final", 7 * value),
        )
    ]


class TestFeatureDifference:
    def test_networks_are_read_at_their_own_last_steps(self) -> None:
        rows = [
            *accuracy(0, 10), *layer(0, 10, 0.9, 0.1), *accuracy(0, 100), *layer(0, 100, 0.5, 0.2),
            *accuracy(1, 10), *layer(1, 10, 0.4, 0.6),
        ]  # fmt: skip
        assert values(DIFFERENCE, rows) == pytest.approx({0: 0.3, 1: -0.2})

    def test_the_layer_is_the_penultimate_or_the_one_named(self) -> None:
        rows = [
            *accuracy(0, 1),
            *layer(0, 1, 0.8, 0.7, "hidden.0"),
            *layer(0, 1, 0.5, 0.1),
            *layer(0, 1, 1, 0, "readout"),
        ]
        for name, expected in {"penultimate": 0.4, "hidden.0": 0.1, "readout": 1.0}.items():
            contrast = FeatureDifference(more="easy", less="hard", layer=name)
            assert values(contrast, rows) == pytest.approx({0: expected})

    def test_the_measure_is_the_one_named(self) -> None:
        rows = [*accuracy(0, 1), *layer(0, 1, 0.5, 0.1), *layer(0, 1, 0.75, 0.25, measure="density_0.1")]
        contrast = FeatureDifference(more="easy", less="hard", measure="density_0.1")
        assert values(contrast, rows) == {0: 0.5}
        assert contrast.describe() == "share of units with R2 > 0.1(easy) - share of units with R2 > 0.1(hard), " \
            "penultimate layer, last step"  # fmt: skip

    @given(st.floats(-1, 1), st.floats(-1, 1))
    def test_exchanging_the_features_changes_the_sign(self, easy: float, hard: float) -> None:
        rows = [*accuracy(0, 1), *layer(0, 1, easy, hard)]
        exchanged = FeatureDifference(more="hard", less="easy")
        assert values(DIFFERENCE, rows)[0] == -values(exchanged, rows)[0] == easy - hard


class TestLevel:
    """The features a (0.5) and b (0.125), which have a gate, and the probes p (0.25) and q (0.75), which have none."""

    def rows(self, network: int = 0, accuracy: float = 1.0, measure: str = "r2", name: str = "hidden.1") -> list[Row]:
        reported = [(network, 9, "output", feature, "accuracy", accuracy) for feature in ("a", "b")]
        found = {"a": 0.5, "b": 0.125, "p": 0.25, "q": 0.75}
        return [*reported, *((network, 9, name, feature, measure, value) for feature, value in found.items())]

    @pytest.mark.parametrize(
        ("contrast", "expected"),
        [
            (Level(of=("a",)), 0.5),
            (Level(of=("a", "b", "q")), (0.5 + 0.125 + 0.75) / 3),
            (Level(of=("a", "b", "q"), how="sum"), 0.5 + 0.125 + 0.75),
            (Level(of=("p", "q"), less=("b",)), 0.5 - 0.125),
            (Level(of=("p", "q"), less=("a", "b"), how="sum"), 1.0 - 0.625),
            (Level(of=("a",), less=("p", "q"), how="mean"), 0.5 - 0.5),
        ],
        ids=lambda value: value.describe() if isinstance(value, Level) else "",
    )
    def test_by_hand(self, contrast: Level, expected: float) -> None:
        assert values(contrast, self.rows()) == pytest.approx({0: expected})

    def test_features_must_pass_the_accuracy_criterion_and_probes_need_not(self) -> None:
        rows = [*self.rows(0), *self.rows(1, accuracy=0.5)]
        assert values(Level(of=("p",), less=("q",)), rows) == {0: -0.5, 1: -0.5}
        for contrast in (Level(of=("a",)), Level(of=("p",), less=("b",)), Level(of=("p", "b"))):
            found = values(contrast, rows)
            assert np.isfinite(found[0])
            assert np.isnan(found[1])

    def test_the_layer_and_the_measure_are_those_named(self) -> None:
        rows = [*self.rows(name="hidden.0", measure="unique"), *((0, 9, "hidden.1", "a", "unique", 9.0),)]
        assert values(Level(of=("a",), layer="hidden.0", measure="unique"), rows) == {0: 0.5}
        assert values(Level(of=("a",), measure="unique"), rows) == {0: 9.0}

    @pytest.mark.parametrize("how", ["mean", "sum"])
    def test_without_one_of_the_features_there_is_no_number(self, how: str) -> None:
        """A sum of nothing would be zero, and a mean of what is left another statistic."""
        short = [row for row in self.rows(1) if row[3] != "q"]
        contrast = Level.model_validate({"of": ("p", "q"), "how": how})
        found = values(contrast, [*self.rows(0), *short])
        assert np.isfinite(found[0])
        assert np.isnan(found[1])

    def test_no_network_was_measured_there(self) -> None:
        assert np.isnan(values(Level(of=("a",), layer="hidden.7"), self.rows())[0])

    def test_of_one_feature_less_another_it_is_the_difference(self) -> None:
        rows = [*accuracy(0, 1), *layer(0, 1, 0.7, 0.2), *accuracy(1, 1), *layer(1, 1, 0.1, 0.6)]
        assert values(LEVEL, rows) == values(DIFFERENCE, rows)

    def test_it_says_what_it_is(self) -> None:
        assert LEVEL.describe() == "R2(easy) - R2(hard), penultimate layer, last step"
        contrast = Level(of=("a", "b"), less=("p",), how="sum", layer="hidden.0")
        assert contrast.describe() == "sum of R2(a, b) - R2(p), hidden.0 layer, last step"


class TestGrowth:
    def test_a_stretch_runs_from_event_to_event(self) -> None:
        rows = [*accuracy(0, 0, 0.5, 0.5), *accuracy(0, 100), *curve(0, POINTS), *mastery(0, easy=10, hard=40)]
        assert values(GROWTH, rows) == pytest.approx({0: 0.35})
        assert values(FASTER, rows) == pytest.approx({0: 0.25 - 0.10})
        assert values(Growth(feature="hard", over=("hard", "end")), rows) == pytest.approx({0: 0.7})

    def test_nan_where_mastery_is_in_the_other_order_or_at_the_same_step(self) -> None:
        rows = [
            row
            for network, (easy, hard) in enumerate([(10, 40), (40, 10), (40, 40)])
            for row in (*accuracy(network, 100), *curve(network, POINTS), *mastery(network, easy=easy, hard=hard))
        ]
        assert_allclose(list(values(FASTER, rows).values()), [0.15, np.nan, np.nan])

    def test_nan_where_a_feature_was_never_mastered(self) -> None:
        rows = [
            *accuracy(0, 100), *curve(0, POINTS), *mastery(0, easy=10),
            *accuracy(1, 100), *curve(1, POINTS), *mastery(1, easy=10, hard=40),
            *accuracy(2, 100), *curve(2, POINTS), *mastery(2, hard=40),
        ]  # fmt: skip
        assert_allclose(list(values(FASTER, rows).values()), [np.nan, 0.15, np.nan])
        assert_allclose(list(values(GROWTH, rows).values()), [0.35, 0.35, np.nan])

    def test_nan_where_no_network_mastered_a_feature(self) -> None:
        assert_allclose(list(values(GROWTH, [*accuracy(0, 100), *curve(0, POINTS)]).values()), [np.nan])

    def test_nan_where_mastery_came_with_the_last_step(self) -> None:
        rows = [*accuracy(0, 100), *curve(0, POINTS), *mastery(0, easy=100)]
        assert_allclose(list(values(GROWTH, rows).values()), [np.nan])

    def test_events(self) -> None:
        rows = [*accuracy(3, 0), *accuracy(3, 100), *mastery(3, easy=10), *accuracy(5, 70), *mastery(5, hard=20)]
        expected = pd.DataFrame({"easy": [10, np.nan], "hard": [np.nan, 20], "end": [100, 70]}, [3, 5])
        pd.testing.assert_frame_equal(events(table(rows)), expected, check_names=False, check_dtype=False)

    def test_only_the_features_read_must_pass_the_accuracy_criterion(self) -> None:
        assert GROWTH.features() == ("easy",)
        assert FASTER.features() == ("easy", "hard")


class TestLayerSlope:
    @settings(max_examples=50)
    @given(st.integers(2, 6).flatmap(lambda n: st.lists(st.floats(-1, 1), min_size=n, max_size=n)))
    def test_it_is_the_least_squares_slope(self, gaps: list[float]) -> None:
        layers = tuple(f"hidden.{i}" for i in range(len(gaps)))
        rows = [*accuracy(0, 1), *layer(0, 1, 5.0, 0.0, "readout"), *layer(0, 1, 5.0, 0.0, "input")]
        for name, gap in reversed(list(zip(layers, gaps, strict=True))):
            rows += layer(0, 1, gap + 0.25, 0.25, name)
        slope = np.polyfit(np.arange(len(gaps)), gaps, 1)[0]
        assert_allclose(values(SLOPE, rows, layers)[0], slope, atol=1e-12)

    def test_more_than_ten_layers_keep_their_order(self) -> None:
        layers = tuple(f"hidden.{i}" for i in range(12))  # by name, "hidden.10" comes before "hidden.2"
        rows = [*accuracy(0, 1), *(row for i, name in enumerate(layers) for row in layer(0, 1, 0.03 * i, 0.0, name))]
        assert values(SLOPE, rows, layers) == pytest.approx({0: 0.03})


@pytest.mark.parametrize("contrast", [DIFFERENCE, GROWTH, FASTER, SLOPE, LEVEL], ids=lambda c: c.describe())
class TestGate:
    def rows(self, network: int, easy: float = 1.0, hard: float = 1.0) -> list[Row]:
        return [
            *accuracy(network, 1, 1.0, 1.0), *accuracy(network, 100, easy, hard),
            *layer(network, 1, 0.0, 0.0), *layer(network, 1, 0.0, 0.0, "hidden.0"),
            *layer(network, 100, 0.5, 0.25), *layer(network, 100, 0.5, 0.25, "hidden.0"),
            *curve(network, {1: 0.0, 10: 0.1, 40: 0.3, 100: 0.4}), *mastery(network, easy=10, hard=40),
        ]  # fmt: skip

    def test_at_or_under_95_percent_at_the_end_is_nan(self, contrast: Contrast) -> None:
        rows = [*self.rows(0), *self.rows(1, easy=0.95), *self.rows(2, easy=0.5), *self.rows(3, easy=0.9501)]
        found = values(contrast, rows)
        assert list(found) == [0, 1, 2, 3]
        assert np.isnan([found[1], found[2]]).all()
        assert np.isfinite(found[0])
        assert found[0] == found[3]

    def test_a_network_without_a_last_accuracy_is_nan(self, contrast: Contrast) -> None:
        cut = [row for row in self.rows(1) if not (row[1] == 100 and row[4] == "accuracy")]
        nothing_but_accuracy = accuracy(2, 100)
        found = values(contrast, [*self.rows(0), *cut, *nothing_but_accuracy])
        assert list(found) == [0, 1, 2]
        assert np.isfinite(found[0])
        assert np.isnan([found[1], found[2]]).all()

    def test_all_networks_fail_the_criterion(self, contrast: Contrast) -> None:
        found = values(contrast, [*self.rows(0, easy=0.9), *self.rows(1, easy=0.2)])
        assert np.isnan(list(found.values())).all()


def test_the_accuracy_criterion_applies_only_to_the_features_involved() -> None:
    rows = [*accuracy(0, 1, easy=1.0, hard=0.5), *mastery(0, easy=0), *curve(0, {0: 0.25, 1: 0.5}), *accuracy(0, 0)]
    assert values(GROWTH, rows) == {0: 0.25}
    assert np.isnan(values(FASTER, rows)[0])


def test_a_measure_taken_only_before_the_last_step_is_missing() -> None:
    """A network that failed has its density of step 0, which must not pass for its last."""
    rows = table([*accuracy(0, 0), *layer(0, 0, 0.5, 0.1, measure="density_0.1"), *accuracy(0, 9)])
    assert at_last_step(rows, "density_0.1").empty
