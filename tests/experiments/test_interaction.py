"""Interactions: as a comparison of a claim, and all main effects and interactions of crossed factors at once."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pydantic import ValidationError
from tiny_studies import study_text

from repbias.core.results import EFFECT_COLUMNS
from repbias.core.statistics import mean_interval
from repbias.experiments import Condition, Study
from repbias.experiments.comparisons import Interaction
from repbias.experiments.contrasts import FeatureDifference
from repbias.experiments.effects import Effects
from repbias.experiments.evaluation import evaluate
from repbias.experiments.groups import groups

GAP = FeatureDifference(more="easy", less="hard")
SKIP_BY_NORM = Interaction(factor="skips", more="yes", less="no", by="norm", by_more="batch", by_less="none")
LEVELS = {"skips": ("no", "yes"), "norm": ("none", "batch"), "optimizer": ("SGD", "momentum", "Adam")}
EFFECTS = Effects(contrast=GAP, factors=tuple(LEVELS), sesoi=0.05)
Cell = tuple[str, ...]
CELLS: tuple[Cell, ...] = tuple(itertools.product(*LEVELS.values()))


def study(cells: Sequence[Cell] = CELLS, factors: Sequence[str] = tuple(LEVELS), **changes: Any) -> Study:
    """The tiny study with a condition a cell."""
    text = tomllib.loads(study_text())
    (one,) = text["conditions"]
    conditions = [{**one, "name": ", ".join(cell), "factors": dict(zip(factors, cell, strict=True))} for cell in cells]
    return Study.model_validate({**text, "name": "tiny", "conditions": conditions, "claims": [], **changes})


def conditions(cells: Sequence[Cell] = CELLS) -> tuple[Condition, ...]:
    return study(cells).conditions


def table(gaps: dict[Cell, Sequence[float]], failed: Sequence[tuple[Cell, int]] = ()) -> pd.DataFrame:
    """Networks whose easy feature explains so much more of the penultimate layer than the hard one, cell by cell."""
    rows: list[tuple[object, ...]] = []
    for cell, networks in gaps.items():
        for network, gap in enumerate(networks):
            place = (", ".join(cell), network, 60)
            rows += [
                (*place, "output", "easy", "accuracy", 1.0),
                (*place, "output", "hard", "accuracy", 0.6 if (cell, network) in failed else 1.0),
                (*place, "hidden.1", "easy", "r2", gap),
                (*place, "hidden.1", "hard", "r2", 0.0),
            ]
    return pd.DataFrame(rows, columns=["condition", "seed", "step", "layer", "feature", "measure", "value"])


def effects(gaps: dict[Cell, Sequence[float]], failed: Sequence[tuple[Cell, int]] = ()) -> pd.DataFrame:
    """All effects by name."""
    chosen = conditions(tuple(gaps))
    found = EFFECTS.table(EFFECTS.levels(chosen), EFFECTS.cells(chosen, table(gaps, failed)))
    assert list(found.columns) == EFFECT_COLUMNS
    return found.set_index("effect")


class TestInteraction:
    @given(st.lists(st.tuples(*[st.floats(-100, 100)] * 4), min_size=1, max_size=4))
    def test_it_is_the_difference_of_differences_of_each_network(self, rows: list[tuple[float, ...]]) -> None:
        columns = [SKIP_BY_NORM.level({"skips": s, "norm": n}) for n in ("batch", "none") for s in ("yes", "no")]
        values = pd.DataFrame(rows, columns=columns)
        given = np.array(rows)
        expected = (given[:, 0] - given[:, 1]) - (given[:, 2] - given[:, 3])
        assert_allclose(SKIP_BY_NORM.compute(values), expected, atol=1e-9)
        turned = Interaction(factor="norm", more="batch", less="none", by="skips", by_more="yes", by_less="no")
        renamed = [turned.level({"skips": s, "norm": n}) for n in ("batch", "none") for s in ("yes", "no")]
        assert_allclose(turned.compute(values.set_axis(renamed, axis=1)), expected, atol=1e-9)

    def test_it_is_described_in_words(self) -> None:
        assert SKIP_BY_NORM.describe("x") == "x: skips yes minus no, at norm batch minus the same at none"

    def test_an_unknown_cell_suggests_the_nearest(self) -> None:
        (problem,) = SKIP_BY_NORM.problems(["no × none", "no × batch", "yes × none", "yes × bach"])
        assert problem.startswith("no condition has skips × norm 'yes × batch'; did you mean 'yes × bach' or")

    def test_levels_and_factors_that_are_the_same_are_refused_all_at_once(self) -> None:
        with pytest.raises(ValidationError) as caught:
            Interaction(factor="a", more="1", less="1", by="a", by_more="2", by_less="2")
        for words in ("got 'a' twice", "more and less are different levels, got '1' twice", "by_more and by_less"):
            assert words in str(caught.value)

    def test_as_a_claim_it_is_judged_in_each_setting_of_the_others_within_seeds(self) -> None:
        claim = {"id": "C12", "statement": "It depends", "contrast": GAP.model_dump(), "sesoi": 0.05}
        made = study(claims=[{**claim, "compare": SKIP_BY_NORM.model_dump()}])
        assert [label for label, _ in groups(made.claims[0], made.conditions)] == ["SGD", "momentum", "Adam"]
        seeds = [0.0, 0.3, -0.2, 0.1, -0.1]  # what a seed has in all conditions, and what has no part in the difference
        gaps = {
            cell: [0.2 * (cell == ("yes", "batch", "Adam")) + own + 0.001 * own * (cell[0] == "yes") for own in seeds]
            for cell in CELLS
        }
        verdicts = evaluate(made, made.conditions, table(gaps, [(("no", "none", "SGD"), 1)]), "quick", 5)
        verdicts = verdicts.set_index("condition")
        assert verdicts["estimate"].tolist() == pytest.approx([0.0, 0.0, 0.2], abs=1e-3)
        assert verdicts["n"].tolist() == [4, 5, 5]
        assert verdicts.loc["Adam", "verdict"] == "replicated"
        assert verdicts.loc["momentum", "verdict"] == "no effect"

    def test_at_a_scale_that_lacks_a_cell_the_group_is_left_out(self) -> None:
        claim = {"id": "C12", "statement": "It depends", "contrast": GAP.model_dump(), "sesoi": 0.05}
        made = study(claims=[{**claim, "compare": SKIP_BY_NORM.model_dump()}])
        quick = [c for c in made.conditions if c.name != "yes, batch, SGD"]
        assert [label for label, _ in groups(made.claims[0], quick)] == ["momentum", "Adam"]

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"by": "nrm"}, "has no factor 'nrm'; did you mean 'norm'"),
            ({"by_more": "btch"}, "no condition has skips × norm 'yes × btch'"),
        ],
    )
    def test_a_study_refuses_names_that_it_does_not_have(self, changes: dict[str, str], words: str) -> None:
        compare = {**SKIP_BY_NORM.model_dump(), **changes}
        claim = {
            "id": "C12",
            "statement": "It depends",
            "contrast": GAP.model_dump(),
            "compare": compare,
            "sesoi": 0.05,
        }
        with pytest.raises(ValidationError) as caught:
            study(claims=[claim])
        assert words in str(caught.value)


class TestEffects:
    def test_they_are_those_of_marginal_means(self) -> None:
        """A main effect is a difference of marginal means of each seed, as in analysis of variance."""
        rows = np.random.default_rng(0).normal(size=(3, len(CELLS)))
        array = rows.reshape(len(rows), 2, 2, 3)
        found = effects({cell: [row[i] for row in rows] for i, cell in enumerate(CELLS)})
        skips = array.mean(axis=(2, 3))
        adam = array.mean(axis=(1, 2))
        both = array.mean(axis=1)
        expected = {
            "skips yes - no": skips[:, 1] - skips[:, 0],
            "optimizer Adam - SGD": adam[:, 2] - adam[:, 0],
            "norm batch - none × optimizer momentum - SGD": both[:, 1, 1]
            - both[:, 1, 0]
            - both[:, 0, 1]
            + both[:, 0, 0],
        }
        for name, values in expected.items():
            mean = mean_interval(values)
            row = found.loc[name, ["estimate", "ci_low", "ci_high"]].astype(float)
            assert_allclose(row, [mean.mean, mean.ci_low, mean.ci_high], atol=1e-9)
        assert (found["n"] == len(rows)).all()

    def test_there_is_one_for_every_level_but_the_first_and_every_pair(self) -> None:
        found = effects(dict.fromkeys(CELLS, (0.1, 0.2)))
        assert found["kind"].value_counts().to_dict() == {"main effect": 1 + 1 + 2, "interaction": 1 + 2 + 2}
        assert found["n_settings"].tolist() == [6, 6, 4, 4, 3, 2, 2, 2, 2]

    def test_what_seeds_have_in_common_with_themselves_does_not_widen_the_interval(self) -> None:
        found = effects({cell: [0.3 * (cell[0] == "yes") + own for own in (0.0, 0.4, -0.4)] for cell in CELLS})
        skips = found.loc["skips yes - no"]
        assert [skips["ci_low"], skips["ci_high"]] == pytest.approx([0.3, 0.3])

    def test_a_crossing_of_two_factors_has_the_claims_interaction(self) -> None:
        rng = np.random.default_rng(0)
        cells = [cell for cell in CELLS if cell[2] == "Adam"]
        gaps = {cell: rng.normal(size=4).tolist() for cell in cells}
        crossing = Effects(contrast=GAP, factors=("skips", "norm"), where={"optimizer": ("Adam",)})
        claim = {"id": "C12", "statement": "so", "contrast": GAP.model_dump(), "sesoi": 0.05}
        made = study(claims=[{**claim, "compare": SKIP_BY_NORM.model_dump()}], effects=[crossing.model_dump()])
        found = crossing.table(crossing.levels(made.conditions), crossing.cells(made.conditions, table(gaps)))
        verdict = evaluate(made, made.conditions, table(gaps), "quick", 4).set_index("condition").loc["Adam"]
        for name in ("estimate", "ci_low", "ci_high"):
            assert found.iloc[-1][name] == pytest.approx(verdict[name])

    def test_no_effect_averages_over_a_setting_that_no_network_learned(self) -> None:
        never = ("yes", "none", "Adam")
        gaps = {cell: [0.5 if cell == never else 0.1 * (cell[0] == "yes")] * 3 for cell in CELLS}
        found = effects(gaps, [(never, seed) for seed in range(3)])
        skips = found.loc["skips yes - no"]
        assert skips["estimate"] == pytest.approx(0.1)
        assert skips[["n", "settings", "n_settings"]].tolist() == [3, 5, 6]
        assert found.loc["norm batch - none × optimizer Adam - SGD", "settings"] == 1

    def test_networks_lost_in_some_cells_count_in_the_others(self) -> None:
        """A cell's mean is that of the networks it has left: networks of different cells need not be the same."""
        rng = np.random.default_rng(0)
        gaps = {cell: rng.normal(size=4).tolist() for cell in CELLS}
        failed = [(cell, i % 4) for i, cell in enumerate(CELLS)]
        left = {cell: np.delete(gaps[cell], i % 4).mean() for i, cell in enumerate(CELLS)}
        skips = effects(gaps, failed).loc["skips yes - no"]
        signs = [1 if cell[0] == "yes" else -1 for cell in CELLS]
        assert skips["estimate"] == pytest.approx(np.dot(signs, list(left.values())) / 6)
        assert skips[["n", "settings"]].tolist() == [4, 6]

    def test_a_setting_with_one_network_in_a_cell_is_left_out_where_others_have_two(self) -> None:
        gaps = {cell: (0.1, 0.2, 0.3) for cell in CELLS} | {CELLS[0]: (9.0, 0.2, 0.3)}
        one = effects(gaps, [(CELLS[0], 1), (CELLS[0], 2)]).loc["skips yes - no"]
        assert one[["estimate", "settings"]].tolist() == pytest.approx([0, 5])
        alone = effects(dict.fromkeys(CELLS, (0.1,))).loc["skips yes - no"]
        assert alone[["estimate", "ci_low", "ci_high", "settings"]].tolist() == pytest.approx([0, -np.inf, np.inf, 6])

    def test_at_a_scale_that_lacks_cells_the_effects_are_those_that_are_left(self) -> None:
        quick = {cell: (0.1, 0.2) for cell in CELLS if cell[0] == "no" and cell[2] == "SGD"}
        found = effects(quick)
        assert found.index.tolist() == ["norm batch - none"]
        assert effects({CELLS[0]: (0.1,)}).empty
        nothing = EFFECTS.cells(conditions(), table({CELLS[0]: (0.1,)})[:0])
        assert EFFECTS.table(EFFECTS.levels(conditions()), nothing).empty


FOUR = Effects(contrast=GAP, factors=("skips", "norm")).model_dump()
REFUSED = {
    "an unknown factor": ({**FOUR, "factors": ("skips", "nrm")}, CELLS, "a factor 'nrm'; did you mean 'norm'"),
    "a factor twice": ({**EFFECTS.model_dump(), "factors": ("skips", "skips")}, CELLS, "repeated: skips"),
    "a factor with the name of a column": ({**FOUR, "factors": ("n", "skips")}, CELLS, "n is what a column"),
    "one factor": ({**EFFECTS.model_dump(), "factors": ("skips",)}, CELLS, "at least 2 items"),
    "missing cells": (
        EFFECTS.model_dump(),
        CELLS[2:],
        "no condition has skips no × norm none × optimizer SGD; skips no × norm none × optimizer momentum; add",
    ),
    "a factor of one level": (
        {**EFFECTS.model_dump(), "where": {"skips": ("yes",)}},
        CELLS,
        "skips has one level, 'yes', and an effect is between two",
    ),
    "several conditions in a cell": (FOUR, CELLS, "'no, none, SGD' and 'no, none, momentum' are in one cell"),
    "an unknown level in where": ({**FOUR, "where": {"norm": ("btch",)}}, CELLS, "did you mean 'batch'"),
    "a feature that is not there": (
        {**EFFECTS.model_dump(), "contrast": {**GAP.model_dump(), "more": "esy"}},
        CELLS,
        "effects of skips, norm, optimizer: condition 'no, none, SGD' has no feature 'esy'; did you mean 'easy'",
    ),
}


@pytest.mark.parametrize(("effects", "cells", "words"), REFUSED.values(), ids=REFUSED)
def test_effects_that_do_not_fit_the_conditions_are_refused(
    effects: dict[str, Any], cells: Sequence[Cell], words: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        study(cells, effects=[effects])
    assert words in str(caught.value)
    assert "claim" not in str(caught.value)


def test_the_corrected_effects_are_accepted_whatever_the_other_conditions() -> None:
    two = {**FOUR, "where": {"optimizer": ("Adam",)}}
    made = study(effects=[EFFECTS.model_dump(), two])
    assert made.effects == (EFFECTS, Effects.model_validate(two))
    assert Study.model_validate_json(made.model_dump_json()) == made


def test_a_condition_that_lacks_a_factor_is_named() -> None:
    text = study(effects=[]).model_dump()
    del text["conditions"][3]["factors"]["norm"]
    with pytest.raises(ValidationError, match="'no, batch, SGD' has no factor 'norm'; leave it out by where"):
        Study.model_validate({**text, "effects": [EFFECTS.model_dump()]})
