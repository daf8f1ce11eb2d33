"""The slope over output positions: how much less each position explains, within every network."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from repbias.experiments.contrasts import PositionSlope
from repbias.models import EncoderDecoder
from repbias.tasks import StringTask
from repbias.training import Adam, Phase, Training, train

COLUMNS = ["seed", "step", "layer", "feature", "measure", "value"]
SLOPE = PositionSlope(of=("a", "b", "c"))


def network(seed: int, places: dict[str, int], r2: dict[str, float], accuracy: float = 1.0) -> pd.DataFrame:
    rows = []
    for name, place in places.items():
        rows += [
            (seed, 9, "output", name, "accuracy", accuracy),
            (seed, 9, "output", name, "output_position", place),
            (seed, 9, "encoder.0.mean", name, "r2", -1.0),
            (seed, 9, "encoder.1.mean", name, "r2", r2[name]),
        ]
    return pd.DataFrame(rows, columns=COLUMNS)


def slopes(table: pd.DataFrame) -> list[float]:
    return SLOPE.per_seed(table, ("encoder.0.mean", "encoder.1.mean")).tolist()


class TestSlope:
    def test_it_is_the_fall_per_position_within_each_network(self) -> None:
        falling = network(0, {"a": 1, "b": 2, "c": 3}, {"a": 0.5, "b": 0.3, "c": 0.1})
        other_order = network(1, {"a": 3, "b": 1, "c": 2}, {"a": 0.5, "b": 0.3, "c": 0.1})
        found = slopes(pd.concat([falling, other_order]))
        assert found[0] == pytest.approx(0.2)
        assert found[1] == pytest.approx(-np.polyfit([3, 1, 2], [0.5, 0.3, 0.1], 1)[0])

    def test_differences_between_features_cancel_over_a_latin_square(self) -> None:
        """Features differ and positions do nothing: the mean over rotated orders is 0."""
        r2 = {"a": 0.5, "b": 0.3, "c": 0.1}
        orders = [{"a": 1, "b": 2, "c": 3}, {"a": 2, "b": 3, "c": 1}, {"a": 3, "b": 1, "c": 2}]
        table = pd.concat([network(i, order, r2) for i, order in enumerate(orders)])
        assert np.mean(slopes(table)) == pytest.approx(0, abs=1e-12)

    def test_a_network_that_fails_the_accuracy_criterion_has_none(self) -> None:
        table = network(0, {"a": 1, "b": 2, "c": 3}, {"a": 0.5, "b": 0.3, "c": 0.1}, accuracy=0.9)
        assert np.isnan(slopes(table)).all()

    def test_without_positions_there_is_none(self) -> None:
        table = network(0, {"a": 1, "b": 2, "c": 3}, {"a": 0.5, "b": 0.3, "c": 0.1})
        assert np.isnan(slopes(table[table["measure"] != "output_position"])).all()

    def test_in_words(self) -> None:
        assert SLOPE.describe() == "fall of R2 per output position, penultimate layer, last step"


def test_a_trained_network_records_its_output_positions() -> None:
    task = StringTask(
        features=dict.fromkeys("abc", "presence"), order="rotated", length=8, train=256, validation=64, test=64
    )
    training = Training(optimizer=Adam(), batch=32, phases=(Phase(until="steps", steps=3),))
    layers = ("encoder.*.mean", "decoder.state.*")
    for network in train(task, EncoderDecoder(width=16, heads=2), seeds=2, training=training, layers=layers):
        table = network.outcome.table
        places = table[table["measure"] == "output_position"].set_index("feature")["value"]
        order = [task.feature_names[i] for i in task.reporting_order(network.seed)]
        assert places.sort_values().index.tolist() == order
        assert set(table["layer"]) == {
            "output", "encoder.0.mean", "encoder.1.mean", "decoder.state.0", "decoder.state.1", "decoder.state.2",
        }  # fmt: skip
