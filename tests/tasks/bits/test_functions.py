"""Every kind computes what its name says, and a user's own kind is accepted or refused with a lesson."""

import itertools

import numpy as np
import pytest

from repbias.tasks import BooleanTask, boolean_function
from repbias.tasks.bits.functions import known_functions, patterns, truth_table

SIZES = {
    "copy": [1],
    "and": [2, 3, 6],
    "or": [2, 3, 6],
    "xor": [2],
    "parity": [2, 3, 4, 9],
    "threshold": [3, 5, 7],
    "xor_of_ands": [4, 6, 8],
}


@pytest.mark.parametrize("name", SIZES)
def test_truth_table_is_the_function_of_every_pattern(name, by_hand):
    for inputs in SIZES[name]:
        expected = {bits: by_hand[name](bits) for bits in itertools.product([0, 1], repeat=inputs)}
        found = {
            tuple(map(int, row)): int(v) for row, v in zip(patterns(inputs), truth_table(name, inputs), strict=True)
        }
        assert found == expected


def test_every_built_in_kind_is_checked_by_hand(by_hand):
    built_in = {name for name in known_functions() if not name.startswith("test_")}
    assert built_in == set(SIZES) == set(by_hand)


def test_a_user_adds_a_kind_in_three_lines():
    @boolean_function("test_multiplexer", inputs=3)
    def multiplexer(bits):
        return np.where(bits[:, 0], bits[:, 1], bits[:, 2])

    test = BooleanTask(features={"mine": "test_multiplexer", "easy": "copy"}, bits=12, train=64).stimuli(0).test
    selector, one, other = (test.inputs[:, i] for i in range(3))
    np.testing.assert_array_equal(
        test.labels[:, 0], [b if a else c for a, b, c in zip(selector, one, other, strict=True)]
    )
    assert test.labels[:, 0].mean() == 0.5


def test_the_same_function_may_be_registered_again_but_not_another_of_its_name():
    boolean_function("test_again", inputs=2)(lambda bits: bits[:, 0] & bits[:, 1])
    boolean_function("test_again", inputs=2)(lambda bits: bits.all(axis=1))
    with pytest.raises(ValueError, match=r"'test_again' .*new name"):
        boolean_function("test_again", inputs=2)(lambda bits: bits.any(axis=1))


@pytest.mark.parametrize(
    ("function", "inputs", "message"),
    [
        (lambda bits: bits.sum(axis=1), 2, "got 2 too"),
        (lambda bits: bits[:, 0] * 0.5, 1, "got 0.5 too"),
        (lambda bits: bits[:, 0] * 0, 2, "0 for every pattern"),
        (lambda bits: bits, 2, r"\(4,\) .*got \(4, 2\); reduce over axis 1"),
        (lambda bits: bits[:, 0], 17, "got inputs=17"),
        (lambda bits: bits[:, 0], 0, "got inputs=0"),
    ],
)
def test_a_function_that_is_no_feature_is_refused(function, inputs, message):
    with pytest.raises(ValueError, match=message):
        boolean_function("test_refused", inputs=inputs)(function)
    assert "test_refused" not in known_functions()
