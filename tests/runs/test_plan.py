"""Plans: which networks there are, and how they are divided into stacks."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tiny_studies import make_study
from torch import Tensor

from repbias import MLP, SGD, Adam, AdamW, BooleanTask, Phase, Training, UserTask
from repbias.experiments import Condition
from repbias.experiments.condition import NetworkSpec
from repbias.models import Model
from repbias.runs.plan import divide, flops, make_plan
from repbias.studies import find_study


def condition(**changes: Any) -> Condition:
    """Return a condition; bits, train, widths, dropout, optimizer, batch, steps, hard may be changed."""
    task = BooleanTask(
        features={"easy": "copy", "hard": changes.get("hard", "and")},
        bits=changes.get("bits", 12),
        train=changes.get("train", 512),
        validation=128,
        test=128,
    )
    training = Training(
        optimizer=changes.get("optimizer", SGD()),
        batch=changes.get("batch", 64),
        phases=(Phase(until="steps", steps=changes.get("steps", 60)),),
    )
    model = MLP(widths=changes.get("widths", (16, 16)), dropout=changes.get("dropout", 0.0))
    return Condition(name=str(changes), task=task, model=model, training=training, steps=changes.get("steps", 60))


class SignedTask(BooleanTask):
    """Bits that networks read as -1 and 1."""

    def network_inputs(self, inputs: NDArray[np.generic], device: torch.device | str = "cpu") -> Tensor:
        """Return the bits, each moved to one side of 0."""
        return 2 * super().network_inputs(inputs, device) - 1


ALIKE = [condition(), condition(hard="or"), condition(steps=90), condition(optimizer=SGD(lr=0.01))]
APART = [
    condition(bits=13), condition(train=513), condition(widths=(16, 17)), condition(dropout=0.1), condition(batch=65),
    condition(optimizer=Adam()), condition(optimizer=AdamW()),
]  # fmt: skip
SIGNED = f"{__name__}:SignedTask"
PAIRS = [(c, c.network(seed)) for c in (*ALIKE, *APART) for seed in range(30)]


def shape(network: NetworkSpec) -> tuple[Model, tuple[int, ...], tuple[int, int, int], int, type]:
    """What must be equal in a stack, as `train_stack` has it."""
    training = network.training
    return network.model, network.task.input_shape, network.task.n_stimuli, training.batch, type(training.optimizer)


class TestDivide:
    @settings(max_examples=60)
    @given(
        st.lists(st.sampled_from(PAIRS), unique_by=lambda p: p[1].run_id, max_size=80),
        st.integers(1, 9),
        st.integers(2, 25),
    )
    def test_each_network_is_in_one_stack_of_its_like_and_no_stack_is_too_large(
        self, pairs: list[tuple[Condition, NetworkSpec]], workers: int, most: int
    ) -> None:
        stacks = divide(pairs, workers, most)
        divided = Counter(network.run_id for stack in stacks for network in stack)
        assert divided == Counter(network.run_id for _, network in pairs)
        for stack in stacks:
            assert 1 <= len(stack) <= most
            assert len({shape(network) for network in stack}) == 1

    def test_conditions_of_one_shape_share_stacks(self) -> None:
        pairs = [(c, c.network(seed)) for c in ALIKE for seed in range(3)]
        assert [len(stack) for stack in divide(pairs, 1)] == [12]

    @pytest.mark.parametrize("other", APART, ids=lambda c: c.name)
    def test_conditions_of_different_shapes_do_not(self, other: Condition) -> None:
        pairs = [(c, c.network(seed)) for c in (ALIKE[0], other) for seed in range(3)]
        assert [len(stack) for stack in divide(pairs, 1)] == [3, 3]

    def test_tasks_that_convert_their_stimuli_differently_do_not(self) -> None:
        features = {"features": {"easy": "copy", "hard": "xor"}}
        tasks = [UserTask(function=function, settings=features) for function in ("repbias:BooleanTask", SIGNED)]
        conditions = [Condition(name=task.function, task=task) for task in tasks]
        pairs = [(c, c.network(seed)) for c in conditions for seed in range(3)]
        assert [len(stack) for stack in divide(pairs, 1)] == [3, 3]

    def test_strings_of_other_vocabularies_do_not(self) -> None:
        """An embedding has a row for each token, so networks of other vocabularies are of other shapes."""
        study = find_study("string_complexity")
        conditions = {c.task.n_tokens: c for c in study.conditions}  # type: ignore[union-attr]
        assert len(conditions) > 1
        pairs = [(c, c.network(seed)) for c in conditions.values() for seed in range(2)]
        assert [len(stack) for stack in divide(pairs, 1)] == [2] * len(conditions)

    @pytest.mark.parametrize(("networks", "workers", "sizes"), [(8, 2, [4, 4]), (9, 2, [5, 4]), (3, 8, [2, 1])])
    def test_there_is_work_for_every_worker_and_a_stack_has_two_where_it_can(
        self, networks: int, workers: int, sizes: list[int]
    ) -> None:
        assert [
            len(stack) for stack in divide([(ALIKE[0], ALIKE[0].network(s)) for s in range(networks)], workers)
        ] == sizes

    def test_the_most_expensive_comes_first(self) -> None:
        cheap, dear = condition(steps=10), condition(steps=10_000, bits=13)
        pairs = [(c, c.network(seed)) for c in (cheap, dear) for seed in range(2)]
        assert [stack[0].task.bits for stack in divide(pairs, 1)] == [13, 12]

    def test_no_networks_are_divided_into_no_stacks(self) -> None:
        assert divide([], 2) == []


class TestPlan:
    def test_networks_are_all_seeds_of_the_scales_conditions(self) -> None:
        study = find_study("complexity")
        plan = make_plan(study, "quick")
        assert [c.name for c in plan.conditions] == ["parity3, 256-128-64-64", "parity3, 6 x 64"]
        assert [(c.name, m.seed) for c, m in plan.networks()] == [
            (c.name, s) for c in plan.conditions for s in range(4)
        ]
        assert len(make_plan(study, "full").networks()) == 12 * 20
        assert len({m.run_id for _, m in make_plan(study, "full").networks()}) == 12 * 20

    def test_more_seeds_keep_the_first_ones(self) -> None:
        two, four = ([m.run_id for _, m in make_plan(make_study(), "quick", n).networks()] for n in (2, 4))
        assert four[:2] == two

    @pytest.mark.parametrize(
        ("scale", "seeds", "message"),
        [
            ("quick", 0, "seeds .*got 0"),
            ("quick", -1, "seeds .*got -1"),
            ("full", None, "no scale 'full'; it has quick"),
        ],
    )
    def test_no_seeds_and_a_scale_that_the_study_lacks_are_refused(
        self, scale: str, seeds: int | None, message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            make_plan(make_study(), scale, seeds)

    def test_flops_are_three_products_of_each_weight(self) -> None:
        connections = 12 * 16 + 16 * 16 + 16 * 2
        assert flops(condition()) == 3 * 2 * connections * 64 * 60
