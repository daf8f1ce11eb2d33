"""Sound strings pass for many seeds, each planted leak is found in its own rows, and the bounds hold."""

from dataclasses import replace

import numpy as np
import pytest

from repbias.tasks.design import check_design
from repbias.tasks.strings.leakage import event_associations
from repbias.tasks.strings.task import StringTask
from repbias.tasks.task import Split, Stimuli

FEATURES = {
    "presence": "presence",
    "precedes": {"kind": "precedes", "extent": 3},
    "equality": {"kind": "equality", "symbols": 3},
    "parity": {"kind": "parity", "markers": 2, "extent": 4},
}
ALL = FEATURES | {"count": "count", "brackets": {"kind": "brackets", "extent": 9}}
SIZES = {"length": 16, "fillers": 8, "train": 3000, "validation": 1500, "test": 1500}
LEAKAGE = {"token counts", "bag of tokens", "bigrams", "token positions", "own span"}


def fillers(task, tokens):
    return tokens >= task.n_tokens - task.fillers


def swap(tokens, rows, a, b):
    """Exchange the tokens at positions a and b (`[row]`, or one for all) of some rows, in place."""
    tokens[rows, a], tokens[rows, b] = tokens[rows, b].copy(), tokens[rows, a].copy()


def own_positions(task, name, tokens):
    return np.isin(tokens, task.tokens_of(name)).argmax(axis=1)


def nothing(task, tokens, labels):
    return tokens


def more_of_a_filler(task, tokens, labels):
    """A filler goes along with the value of `presence`."""
    told = (labels[:, 0] == 1) & (np.arange(len(tokens)) % 2 == 0)
    first = fillers(task, tokens).argmax(axis=1)
    tokens[told, first[told]] = task.n_tokens - 1
    return tokens


def once_or_not_once(task, tokens, labels):
    """A filler occurs once where `precedes` is 0, and twice or never where it is 1: no linear reading can tell."""
    filler = task.n_tokens - 1
    tokens[tokens == filler] = filler - 1
    twice = np.arange(len(tokens)) % 2 == 0
    order = np.argsort(~fillers(task, tokens), axis=1, kind="stable")
    for nth, rows in ((0, (labels[:, 1] == 0) | twice), (1, (labels[:, 1] == 1) & twice)):
        tokens[rows, order[rows, nth]] = filler
    return tokens


def an_own_token_that_tells(task, tokens, labels):
    """Where the slots of `equality` are equal, they hold the first symbol more often."""
    own = task.tokens_of("equality")
    rows = (labels[:, 2] == 1) & (np.arange(len(tokens)) % 3 == 0)
    for case in (own[:3], own[3:]):
        tokens[rows[:, None] & np.isin(tokens, case)] = case[0]
    return tokens


def a_little_of_every_filler(task, tokens, labels):
    """Fillers of the upper half are a little more common where `parity` is 1: none of them tells much."""
    first, random = task.n_tokens - task.fillers, np.random.default_rng(0)
    low = (tokens >= first) & (tokens < first + 4)
    raised = low & (labels[:, 3:] == 1) & (random.random(tokens.shape) < 0.06)
    lowered = (tokens >= first + 4) & (labels[:, 3:] == 0) & (random.random(tokens.shape) < 0.06)
    return tokens + 4 * raised.astype(np.uint8) - 4 * lowered.astype(np.uint8)


def sorted_neighbours(task, tokens, labels):
    """Two neighbouring fillers stand in ascending order where `count` is 1, if the first is at an even position."""
    for position in range(0, tokens.shape[1] - 1, 2):
        pair = tokens[:, position : position + 2]
        rows = fillers(task, pair).all(axis=1) & (pair[:, 0] > pair[:, 1]) & (labels[:, 0] == 1)
        swap(tokens, rows, position, position + 1)
    return tokens


def a_filler_behind_an_own_token(task, tokens, labels):
    """A marker of `parity` is followed by the last filler more often where the value is 1."""
    behind = own_positions(task, "parity", tokens) + 1
    rows = (labels[:, 3] == 1) & (tokens == task.n_tokens - 1).any(axis=1) & (behind < tokens.shape[1])
    rows &= fillers(task, tokens)[np.arange(len(tokens)), np.minimum(behind, tokens.shape[1] - 1)]
    swap(tokens, np.flatnonzero(rows), behind[rows], (tokens == task.n_tokens - 1).argmax(axis=1)[rows])
    return tokens


def an_own_token_in_front(task, tokens, labels):
    """The token of `presence`, whichever it is, stands at the very front more often where the value is 1."""
    rows = np.flatnonzero((labels[:, 0] == 1) & (np.arange(len(tokens)) % 3 == 0) & fillers(task, tokens)[:, 0])
    swap(tokens, rows, 0, own_positions(task, "presence", tokens)[rows])
    return tokens


def slots_side_by_side(task, tokens, labels):
    """The slots of `equality` stand side by side more often where the symbols are equal."""
    own = np.isin(tokens, task.tokens_of("equality"))
    first, last = own.argmax(axis=1), tokens.shape[1] - 1 - own[:, ::-1].argmax(axis=1)
    free = fillers(task, tokens)[np.arange(len(tokens)), first + 1]
    rows = np.flatnonzero((labels[:, 2] == 1) & free & (np.arange(len(tokens)) % 4 == 0))
    swap(tokens, rows, first[rows] + 1, last[rows])
    return tokens


LEAKS = {
    leak.__name__: leak
    for leak in (
        nothing,
        more_of_a_filler,
        once_or_not_once,
        an_own_token_that_tells,
        a_little_of_every_filler,
        sorted_neighbours,
        a_filler_behind_an_own_token,
        an_own_token_in_front,
        slots_side_by_side,
    )
}


class Leaking(StringTask):
    """Sound strings, to which a test does one thing in the training split."""

    leak: str = "nothing"

    def stimuli(self, seed: int) -> Stimuli:
        stimuli = super().stimuli(seed)
        train = stimuli.train
        inputs = train.inputs.copy()
        inputs[:, : self.length] = LEAKS[self.leak](self, inputs[:, : self.length].copy(), train.labels)
        return replace(stimuli, train=Split(inputs, train.labels))


def failures(task, seed=0):
    table = check_design(task, seed).table()
    return {(row.check, row.feature, row.split): row.note for row in table[~table.passed].itertuples()}


@pytest.mark.parametrize(
    "task",
    [
        StringTask(features=FEATURES, **SIZES),
        StringTask(features=ALL, **SIZES | {"length": 24}, order="rotated"),
        StringTask(features={f"x{i}": "presence" for i in range(8)}, **SIZES),
        StringTask(features={f"x{i}": {"kind": "precedes", "extent": 1} for i in range(4)}, **SIZES | {"length": 9}),
        StringTask(features={"x": {"kind": "parity", "prevalence": 0.1}, "y": "presence"}, **SIZES | {"fillers": 60}),
    ],
    ids=["four", "all", "presences", "neighbours", "rare"],
)
def test_sound_strings_pass_for_many_seeds(task):
    checks = [check_design(task, seed) for seed in range(8)]
    assert [check.failures() for check in checks if not check.passed] == []


def test_the_rows_of_a_string_task():
    table = check_design(StringTask(features=FEATURES, **SIZES)).table()
    rows = table[table.check.isin(LEAKAGE)]
    assert len(rows) == 3 * (4 * 4 + 3)  # a single token has no span
    assert (rows.passed == (rows.value <= rows.bound)).all()
    assert "overlap" in set(table.check)


@pytest.mark.parametrize(
    ("leak", "feature", "found", "not_found", "culprit"),
    [
        ("more_of_a_filler", "presence", {"token counts", "bag of tokens"}, {"own span"}, "'f7', 1 or more"),
        ("once_or_not_once", "precedes", {"token counts"}, {"bag of tokens", "own span"}, "'f7', "),
        ("an_own_token_that_tells", "equality", {"token counts", "bag of tokens"}, {"own span"}, "-0', 1 or more"),
        ("a_little_of_every_filler", "parity", {"bag of tokens"}, {"token counts", "own span"}, "R2 on"),
        ("sorted_neighbours", "presence", {"bigrams"}, {"token counts", "bag of tokens"}, "'f"),
        ("a_filler_behind_an_own_token", "parity", {"bigrams"}, {"token counts", "own span"}, " 'f7'"),
        (
            "an_own_token_in_front",
            "presence",
            {"token positions"},
            {"token counts", "bag of tokens"},
            "any token of the feature at",
        ),
        ("slots_side_by_side", "equality", {"own span"}, {"token counts", "bag of tokens"}, "2 positions or more"),
    ],
)
def test_a_planted_leak_is_found_in_its_feature_and_split_alone(leak, feature, found, not_found, culprit):
    task = Leaking(features=FEATURES, leak=leak, **SIZES | {"train": 8000})
    rows = failures(task)
    assert {(name, split) for _, name, split in rows} == {(feature, "train")}
    checks = {check for check, _, _ in rows}
    assert found <= checks <= LEAKAGE - not_found
    assert any(culprit in note for (check, _, _), note in rows.items() if check in found), rows


def test_a_string_in_two_splits_is_found_though_order_and_answers_differ():
    class Overlapping(StringTask):
        def stimuli(self, seed):
            stimuli = super().stimuli(seed)
            inputs = stimuli.test.inputs.copy()
            inputs[7, : self.length] = stimuli.train.inputs[9, : self.length]
            return replace(stimuli, test=Split(inputs, stimuli.test.labels))

    assert set(failures(Overlapping(features=FEATURES, **SIZES))) == {("overlap", "all", "train, test")}


def test_declared_manipulations_pass_and_are_shown():
    features = {"rare": {"kind": "presence", "prevalence": 0.05}, "seldom": {"kind": "parity", "labelled": 0.25}}
    check = check_design(StringTask(features=features, **SIZES))
    assert check.passed, check.failures()
    notes = check.table().set_index(["check", "feature", "split"]).note
    assert "declared: the training set is manipulated" in notes["label balance", "rare", "train"]
    assert "labelled in 0.25 of the items, declared" in notes["labelled", "seldom", "train"]


@pytest.mark.parametrize("check", sorted(LEAKAGE))
def test_sound_strings_fail_no_more_often_than_alpha_says(check):
    task = StringTask(features={"a": "parity", "b": "equality"}, **SIZES | {"train": 400, "validation": 60, "test": 2})
    failed = sum(
        not table[table.check == check].passed.all()
        for table in (check_design(task, seed, alpha=0.2).table() for seed in range(40))
    )
    assert failed / 40 <= 0.3


def test_a_bound_for_events_of_any_rarity_is_exceeded_with_the_probability_given_or_less():
    random, n = np.random.default_rng(0), 500
    for ones in (25, 250):
        for seen in (3, 12, 100, 250, 460):
            with_one = random.hypergeometric(ones, n - ones, seen, size=20000)
            phi, bound = event_associations(np.full(20000, seen), with_one, ones, n, level=0.01)
            assert (phi > bound).mean() < 0.012
            assert (phi <= 1).all()


def test_phi_is_the_correlation_of_value_and_event():
    random = np.random.default_rng(0)
    value, event = random.random(300) < 0.3, random.random(300) < 0.8
    phi, _ = event_associations(np.array([event.sum()]), np.array([event[value].sum()]), int(value.sum()), 300, 0.01)
    assert phi[0] == pytest.approx(abs(np.corrcoef(value, event)[0, 1]))


def test_an_event_that_goes_with_the_value_exceeds_its_bound():
    phi, bound = event_associations(np.array([40, 960]), np.array([38, 462]), 500, 1000, 1e-6)
    assert (phi > bound).all()
    assert phi[0] == pytest.approx(phi[1])  # an event and its absence are one
