"""Ladders: what their points are, and what is refused."""

from __future__ import annotations

import pandas as pd
import pytest
from pydantic import ValidationError
from tiny_studies import make_study

from repbias.core.statistics import mean_interval
from repbias.experiments.contrasts import Level
from repbias.experiments.ladder import Ladder, Rung
from repbias.experiments.study import Study
from repbias.studies import find_study


def study(**changes: object) -> Study:
    """Two functions, each at two lengths of training."""
    made = make_study(steps={"and, short": 60, "and, long": 90, "or, short": 61, "or, long": 91})
    conditions = [
        condition.model_copy(update={"factors": dict(zip(("kind", "length"), condition.name.split(", "), strict=True))})
        for condition in made.conditions
    ]
    return Study.model_validate({**made.model_dump(), "conditions": [c.model_dump() for c in conditions], **changes})


def table(values: dict[str, list[float]], missed: tuple[str, int] | None = None) -> pd.DataFrame:
    """Networks whose hard feature explains `values` of the penultimate layer; one may fail the accuracy criterion."""
    rows = []
    for condition, networks in values.items():
        for network, r2 in enumerate(networks):
            place = (condition, network, 60)
            accuracy = 0.6 if (condition, network) == missed else 1.0
            rows += [
                (*place, "output", "easy", "accuracy", 1.0),
                (*place, "output", "hard", "accuracy", accuracy),
                (*place, "hidden.1", "easy", "r2", 0.5),
                (*place, "hidden.1", "hard", "r2", r2),
            ]
    return pd.DataFrame(rows, columns=["condition", "seed", "step", "layer", "feature", "measure", "value"])


VALUES = {"and, short": [0.1, 0.2], "and, long": [0.3, 0.5], "or, short": [0.6, 0.8], "or, long": [0.0, 0.2]}
LADDER = Ladder(
    title="Long by short",
    by="kind",
    x=Rung(contrast=Level(of=("hard",)), where={"length": ("short",)}),
    y=Rung(contrast=Level(of=("hard",)), where={"length": ("long",)}),
)


def test_points_are_means_over_networks_with_their_intervals() -> None:
    points = LADDER.points(study().conditions, table(VALUES)).set_index("point")
    assert list(points.index) == ["and", "or"]
    assert points["x"].tolist() == pytest.approx([0.15, 0.7])
    assert points["y"].tolist() == pytest.approx([0.4, 0.1])
    long_and = mean_interval([0.3, 0.5])
    assert points.loc["and", ["y_low", "y_high", "y_n"]].tolist() == [long_and.ci_low, long_and.ci_high, 2]


def test_networks_below_the_accuracy_criterion_do_not_count() -> None:
    points = LADDER.points(study().conditions, table(VALUES, missed=("or, long", 0))).set_index("point")
    assert points.loc["or", "y"] == pytest.approx(0.2)
    assert points.loc["or", ["x_n", "y_n"]].tolist() == [2, 1]


def test_a_level_that_lacks_an_axis_has_no_point() -> None:
    without = {name: values for name, values in VALUES.items() if name != "or, long"}
    assert LADDER.points(study().conditions, table(without))["point"].tolist() == ["and"]


def test_an_unknown_factor_is_refused_with_the_nearest() -> None:
    wrong = LADDER.model_copy(update={"by": "kinds"})
    with pytest.raises(ValidationError, match=r"'Long by short': .*'kinds'; did you mean 'kind'"):
        study(ladders=[wrong.model_dump()])


def test_the_ladder_of_difficulty_sets_r2_against_steps_alone() -> None:
    for ladder in find_study("difficulty").ladders:
        assert ladder.by == "kind"
        assert ladder.x.where == {"setting": ("alone",)}
        assert ladder.x.contrast.describe() == "log2 of the step at which hard is mastered"
        assert ladder.y.contrast.describe().startswith("R2(hard)")
