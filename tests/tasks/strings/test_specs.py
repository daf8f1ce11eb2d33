"""Orders are counterbalanced, a stimulus can be read, and a wrong description is refused with what to do."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from pydantic import ValidationError
from string_tasks import KINDS, SMALL, small, splits

from repbias.core.specs import explain
from repbias.tasks.bits.boolean import BooleanTask
from repbias.tasks.strings.task import StringTask
from repbias.tasks.task import Task


@pytest.mark.parametrize("n", range(1, 9))
def test_rotated_orders_are_a_latin_square_over_any_seeds_in_a_row(n):
    task = small({f"x{i}": "presence" for i in range(n)}, order="rotated")
    for start in (0, 5, 1000):
        square = np.array([task.reporting_order(seed) for seed in range(start, start + n)])
        assert (np.sort(square, axis=0) == np.arange(n)[:, None]).all()
        assert (np.sort(square, axis=1) == np.arange(n)).all()
        successions = [(a, b) for row in square.tolist() for a, b in pairwise(row)]
        if n % 2 == 0:
            assert sorted(successions) == sorted(permutations(range(n), 2))


def test_an_order_by_names_is_that_order_and_changes_no_string_and_no_label():
    features = {"a": "presence", "b": "parity", "c": "precedes"}
    declared, given = small(features), small(features, order=("c", "a", "b"))
    assert (declared.reporting_order(4), given.reporting_order(4)) == ((0, 1, 2), (2, 0, 1))
    for name, split in splits(given).items():
        other = splits(declared)[name]
        np.testing.assert_array_equal(given.content(split.inputs), declared.content(other.inputs))
        np.testing.assert_array_equal(split.labels, other.labels)
        if name == "train":
            np.testing.assert_array_equal(split.inputs[:, -3:], split.labels[:, [2, 0, 1]])


def test_every_token_has_a_unique_name_and_an_owner():
    task = small({f"x{i}": KINDS["parity"] for i in range(10)} | {"eq": "equality"}, length=40, fillers=7)
    assert len(set(task.words)) == len(task.words) == task.n_tokens == 10 * 6 + 8 + 7
    owned = [token for name in task.features for token in task.tokens_of(name)]
    assert owned == list(range(68))
    assert task.words[:4] == ("alpha", "no-alpha", "beta", "no-beta")
    assert "zeta1" in task.words  # the thirtieth letter
    assert task.words[68:] == tuple(f"f{i}" for i in range(7))
    with pytest.raises(ValueError, match="'x99'; did you mean 'x9'"):
        task.tokens_of("x99")


def test_a_stimulus_can_be_read():
    task = StringTask(features={"is": "presence", "first": "precedes"}, length=5, order=("first", "is"), **SMALL)
    assert task.text(np.array([4, 0, 3, 2, 19, 1, 0, 0, 0])) == "f0 alpha gamma beta f15 | first, is"


def test_a_string_task_has_two_classes_a_feature_and_its_sizes():
    task = small(KINDS)
    assert task.feature_names == tuple(KINDS)
    assert (task.n_classes, task.input_shape) == ((2,) * 6, (24 + 12,))
    assert task.n_stimuli == (600, 120, 120)
    assert isinstance(task, Task)
    assert StringTask(features={"x": "presence"}).n_stimuli == (16384, 4096, 4096)


def test_all_but_strings_are_their_own_content():
    inputs = np.arange(12).reshape(3, 4)
    assert BooleanTask(features={"x": "copy"}).content(inputs) is inputs


def test_a_string_and_a_dictionary_are_the_same_task():
    short = small({"x": "parity", "y": "presence"}, order=("y", "x"))
    long = small({"x": {"kind": "parity", "markers": 2}, "y": {"kind": "presence"}}, order=["y", "x"])
    assert short.digest() == long.digest() != small({"x": "parity", "y": "presence"}).digest()
    assert StringTask.model_validate_json(short.canonical_json()) == short


@pytest.mark.parametrize(
    ("spec", "problems"),
    [
        ({"features": KINDS, "length": 10}, ["17 positions (presence 1, precedes 2,", "set length to 17"]),
        ({"features": {"x": "presence"}, "fillers": 300}, ["2 tokens of features and 300 fillers", "256"]),
        ({"features": {"x": {"kind": "precedes", "extent": 16}}}, ["x: the tokens of a string of 16", "at most 15"]),
        (
            {"features": {"x": {"kind": "parity", "markers": 3, "extent": 1}}},
            ["at least 2 positions apart", "extent=1"],
        ),
        (
            {"features": {"x": {"kind": "presence", "extent": 3}}},
            ["extent: there is no such field; known: ", "(got 3)"],
        ),
        ({"features": {"x": "presense"}}, ["presense", "'presence', 'precedes', 'equality'"]),
        ({"features": {"x": {"kind": "count", "most": 3, "threshold": 4}}}, ["threshold=4 is never reached"]),
        ({"features": {"x": {"kind": "brackets", "pairs": 3, "depth": 4}}}, ["3 pairs nest 3 deep at most"]),
        ({"features": {"x": {"kind": "brackets", "pairs": 2}}}, ["pairs: Input should be greater than or equal to 3"]),
        ({"features": {"x": "presence"}, "order": "rotate"}, ["unknown order 'rotate'; did you mean 'rotated'?"]),
        ({"features": {"x": "presence", "y": "parity"}, "order": ["x", "x"]}, ["every feature once: x, y"]),
        ({"features": {"x": {"kind": "presence", "prevalence": 0.001}}}, ["x: prevalence=0.001", "leave 16 ones"]),
        ({"features": {}}, ["features: "]),
    ],
)
def test_a_wrong_task_is_refused_with_what_to_do(spec, problems):
    with pytest.raises(ValidationError) as error:
        StringTask(**spec)
    text = explain(error.value, "task")
    for problem in problems:
        assert problem in text, text
