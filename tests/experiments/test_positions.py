"""Contrasts of what a network learned: how late by position, and how strongly where only some was trained."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from repbias.experiments import LearnedLevel, MasterySlope

COLUMNS = ["seed", "step", "layer", "feature", "measure", "value"]
LAYERS = ("encoder.0.mean", "encoder.1.mean")


def network(
    number: int, places: dict[str, int], mastered: dict[str, int], r2: dict[str, float] | None = None
) -> pd.DataFrame:
    rows = []
    for name, place in places.items():
        learned = name in mastered
        rows += [
            (number, 999, "output", name, "accuracy", 1.0 if learned else 0.5),
            (number, 999, "output", name, "output_position", place),
            (number, 999, "encoder.0.mean", name, "r2", -1.0),
            (number, 999, "encoder.1.mean", name, "r2", (r2 or {}).get(name, 0.0)),
        ]
        if learned:
            rows.append((number, mastered[name], "output", name, "mastery_step", mastered[name]))
    return pd.DataFrame(rows, columns=COLUMNS)


def test_twice_as_late_at_each_position_is_a_rise_of_one() -> None:
    table = pd.concat(
        [
            network(0, {"a": 1, "b": 2, "c": 3}, {"a": 10, "b": 20, "c": 40}),
            network(1, {"a": 3, "b": 1, "c": 2}, {"a": 10, "b": 20, "c": 40}),
            network(2, {"a": 1, "b": 2, "c": 3}, {"a": 0, "b": 1, "c": 1}),
        ]
    )
    slopes = MasterySlope(of=("a", "b", "c")).per_seed(table, LAYERS)
    assert slopes[0] == pytest.approx(1)
    assert slopes[1] == pytest.approx(np.polyfit([3, 1, 2], np.log2([10, 20, 40]), 1)[0])
    assert slopes[2] == pytest.approx(0)  # before training is at step 1


def test_a_network_that_does_not_master_every_feature_has_no_rise() -> None:
    table = network(0, {"a": 1, "b": 2, "c": 3}, {"a": 10, "b": 20})
    assert np.isnan(MasterySlope(of=("a", "b", "c")).per_seed(table, LAYERS)[0])


def test_a_level_is_of_what_was_learned() -> None:
    places, r2 = {"a": 1, "b": 2, "c": 3}, {"a": 0.4, "b": 0.2, "c": 0.9}
    table = pd.concat(
        [
            network(0, places, {"a": 10}, r2),
            network(1, places, {"a": 10, "b": 10}, r2),
            network(2, places, {}, r2),
        ]
    )
    levels = LearnedLevel(of=("a", "b", "c")).per_seed(table, LAYERS)
    np.testing.assert_allclose(levels, [0.4, 0.3, np.nan])


def test_in_words() -> None:
    assert MasterySlope(of=("a", "b")).describe() == "rise of log2 of the step of mastery per output position"
    expected = "mean R2 of those of a, b that pass the criterion, penultimate layer, last step"
    assert LearnedLevel(of=("a", "b")).describe() == expected
