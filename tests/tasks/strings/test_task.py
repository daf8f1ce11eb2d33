"""Values are what a reader of the words says, all that gives a value is equally likely, and splits are disjoint."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from string_tasks import KINDS, SMALL, small, splits

from repbias.tasks.generated import stimulus_keys
from repbias.tasks.strings.task import StringTask


def own_words(task, name, row):
    """Return a feature's own words in one stimulus, from left to right."""
    own = {task.words[token] for token in task.tokens_of(name)}
    return [word for word in task.text(row).split(" | ")[0].split() if word in own]


def balanced(brackets, depth):
    now = 0
    for bracket in brackets:
        now += 1 if bracket == "(" else -1
        if not 0 <= now <= depth:
            return 0
    return int(now == 0)


def value_by_hand(task, name, row):
    feature, words = task.features[name], own_words(task, name, row)
    present = [word for word in words if not word.startswith("no-")]
    if feature.kind == "presence":
        return len(present)
    if feature.kind == "precedes":
        return int(words == [task.words[token] for token in task.tokens_of(name)])
    if feature.kind == "equality":
        lower, upper = sorted(words, key=str.isupper)
        assert (lower.islower(), upper.isupper()) == (True, True)
        return int(lower.upper() == upper)
    if feature.kind == "parity":
        return len(present) % 2
    if feature.kind == "count":
        return int(len(present) >= feature.threshold)
    return balanced([word[-1] for word in words], feature.depth)


def values_by_hand(task, inputs):
    return np.array([[value_by_hand(task, name, row) for name in task.feature_names] for row in inputs])


def spans(task, name, inputs):
    own = np.isin(task.content(inputs), task.tokens_of(name))
    return np.array([np.ptp(np.flatnonzero(row)) for row in own])


tasks = st.builds(
    lambda kinds, order, train, other: small(
        {f"x{i}": KINDS[kind] for i, kind in enumerate(kinds)},
        order=order,
        fillers=5,
        train=train,
        validation=other,
        test=other + 1,
    ),
    st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4),
    st.sampled_from(["declared", "rotated"]),
    st.integers(20, 120),
    st.integers(2, 40),
)


@settings(max_examples=30, deadline=None)
@given(task=tasks, seed=st.integers(0, 2**32))
def test_truths_of_every_task(task, seed):
    seen, order = set(), list(task.reporting_order(seed))
    for name, split in splits(task, seed).items():
        assert (split.inputs.dtype, split.labels.dtype) == (np.uint8, np.int64)
        assert split.inputs.shape == (getattr(task, name), *task.input_shape)
        np.testing.assert_array_equal(split.labels, values_by_hand(task, split.inputs))
        assert (split.labels.sum(axis=0) == round(len(split) / 2)).all()
        tokens, orders, answers = np.split(split.inputs, [task.length, task.length + len(order)], axis=1)
        assert tokens.max() < task.n_tokens
        assert (orders == order).all()
        np.testing.assert_array_equal(answers, split.labels[:, order] if name == "train" else 0 * answers)
        keys = set(stimulus_keys(tokens))
        assert not keys & seen
        seen |= keys


def test_a_feature_and_the_fillers_hold_as_many_positions_in_every_string():
    task = small(KINDS)
    for split in splits(task).values():
        for name, feature in task.features.items():
            assert set(np.isin(task.content(split.inputs), task.tokens_of(name)).sum(axis=1)) == {feature.size}
        fillers = (task.content(split.inputs) >= task.n_tokens - task.fillers).sum(axis=1)
        assert set(fillers) == {24 - sum(feature.size for feature in task.features.values())}


def outcomes(task, name):
    """Return for each value what own words occur from left to right, and how often."""
    train = task.stimuli(3).train
    found = ({}, {})
    for row, value in zip(train.inputs, train.labels[:, task.feature_names.index(name)], strict=True):
        words = tuple(own_words(task, name, row))
        found[value][words] = found[value].get(words, 0) + 1
    return found


def assert_uniform(counts, n_outcomes):
    counts = np.array(list(counts))
    expected = counts.sum() / n_outcomes
    assert len(counts) == n_outcomes
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


@pytest.mark.parametrize(
    ("feature", "with_zero", "with_one"),
    [
        ("presence", 1, 1),
        ("precedes", 1, 1),
        ({"kind": "equality", "symbols": 3}, 12, 6),  # either slot first
        ({"kind": "parity", "markers": 2}, 4, 4),
        ({"kind": "brackets", "pairs": 3, "depth": 3}, 1, 5),
        ({"kind": "brackets", "pairs": 4, "depth": 3}, 7, 13),
    ],
)
def test_everything_that_gives_the_value_is_equally_likely(feature, with_zero, with_one):
    zero, one = outcomes(small({"x": feature}, train=4000), "x")
    assert_uniform(zero.values(), with_zero)
    assert_uniform(one.values(), with_one)


def test_occurrences_are_uniform_on_either_side_of_the_threshold():
    task = small({"x": {"kind": "count", "most": 4, "threshold": 2}}, train=6000)
    for outcome, expected in zip(outcomes(task, "x"), ([0, 1], [2, 3, 4]), strict=True):
        counts = dict.fromkeys(expected, 0)
        for words, n in outcome.items():
            counts[words.count("alpha")] += n
        assert_uniform(counts.values(), len(expected))


@pytest.mark.parametrize("extent", [3, 5, 23, None])
@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"presence", "brackets"}))
def test_an_extent_is_the_largest_distance_from_the_first_to_the_last_own_token(kind, extent):
    feature = {**({"kind": kind} if isinstance(KINDS[kind], str) else KINDS[kind]), "extent": extent}
    task = small({"x": feature, "other": "precedes"}, train=6000)
    found = set(spans(task, "x", task.stimuli(0).train.inputs))
    assert found == set(range(task.features["x"].size - 1, 1 + (extent or 23)))


def test_extents_of_1_make_neighbours_even_where_they_fill_the_string():
    task = StringTask(features={f"x{i}": {"kind": "precedes", "extent": 1} for i in range(4)}, length=8, **SMALL)
    for name in task.features:
        assert set(spans(task, name, task.stimuli(0).train.inputs)) == {1}


def test_manipulations_are_exact_touch_training_alone_and_leave_other_features_as_they_are():
    rare = {"kind": "parity", "prevalence": 0.2, "labelled": 0.5}
    task, clean = small({"x": rare, "y": "presence"}), small({"x": "parity", "y": "presence"})
    train = task.stimuli(0).train
    column = train.labels[:, 0]
    assert [(column == value).sum() for value in (-1, 0, 1)] == [300, 240, 60]
    np.testing.assert_array_equal(train.inputs[:, -2], np.where(column == -1, 2, column))
    carried = values_by_hand(task, train.inputs)
    assert carried[:, 0].sum() == 120
    np.testing.assert_array_equal(carried[column != -1, 0], column[column != -1])
    for name, split in splits(task).items():
        np.testing.assert_array_equal(split.labels[:, 1], splits(clean)[name].labels[:, 1])
        if name != "train":
            assert split.labels.mean(axis=0).tolist() == [0.5, 0.5]
    assert task.manipulations["x"].class_shares == (0.8, 0.2)
    assert (list(task.manipulations), task.manipulations["x"].labelled) == (["x"], 0.5)


def test_same_seed_same_stimuli_other_seed_other_stimuli():
    task = small(KINDS, order="rotated")
    for name, split in splits(task, 3).items():
        again, other = splits(task, 3)[name], splits(task, 4)[name]
        np.testing.assert_array_equal(split.inputs, again.inputs)
        np.testing.assert_array_equal(split.labels, again.labels)
        assert (split.labels != other.labels).mean() > 0.4
        assert (split.inputs != other.inputs).mean() > 0.5
