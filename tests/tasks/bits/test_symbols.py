"""Labels are sums of symbols modulo m, balance is exact, splits are disjoint, and noise touches training only."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from repbias.core.specs import explain
from repbias.models import MLP
from repbias.tasks import SymbolFeature, SymbolTask, Task, check_design
from repbias.tasks.generated import stimulus_keys
from repbias.training import SGD, Phase, Training, train

SMALL = {"length": 12, "train": 1200, "validation": 240, "test": 240}
FEATURES = {"easy": 1, "hard": 2, "harder": 3}


def splits(task, seed=0):
    stimuli = task.stimuli(seed)
    return {"train": stimuli.train, "validation": stimuli.validation, "test": stimuli.test}


def symbols_by_hand(task, row):
    """Read the symbols of one stimulus from its one-hot codes, with Python integers."""
    codes = [row[i : i + task.symbols] for i in range(0, len(row), task.symbols)]
    assert all(sorted(code) == [0] * (task.symbols - 1) + [1] for code in codes)
    return [code.index(1) for code in codes]


def labels_by_hand(task, inputs):
    labels = []
    for row in inputs.tolist():
        symbols, start, sums = symbols_by_hand(task, row), 0, []
        for feature in task.features.values():
            sums.append(sum(symbols[start : start + feature.inputs]) % task.symbols)
            start += feature.inputs
        labels.append(sums)
    return np.array(labels)


tasks = st.builds(
    lambda inputs, symbols, train, other: SymbolTask(
        features={f"f{i}": count for i, count in enumerate(inputs)},
        symbols=symbols,
        length=14,
        train=train,
        validation=other,
        test=other + 1,
    ),
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
    st.integers(2, 7),
    st.integers(20, 300),
    st.integers(2, 60),
)


@settings(max_examples=30, deadline=None)
@given(task=tasks, seed=st.integers(0, 2**32))
def test_truths_of_every_task(task, seed):
    seen = set()
    for name, split in splits(task, seed).items():
        assert (split.inputs.dtype, split.labels.dtype) == (np.uint8, np.int64)
        assert split.inputs.shape == (getattr(task, name), *task.input_shape)
        np.testing.assert_array_equal(split.labels, labels_by_hand(task, split.inputs))
        for column in split.labels.T:
            counts = np.bincount(column, minlength=task.symbols)
            assert len(counts) == task.symbols
            assert counts.max() - counts.min() <= 1
        keys = set(stimulus_keys(split.inputs))
        assert not keys & seen
        seen |= keys


@pytest.mark.parametrize("symbols", [2, 3, 5])
def test_balance_is_exact_where_the_classes_divide_the_stimuli(symbols):
    task = SymbolTask(features=FEATURES, symbols=symbols, length=14, train=900, validation=300, test=300)
    for split in splits(task).values():
        for column in split.labels.T:
            assert np.bincount(column).tolist() == [len(split) // symbols] * symbols


def test_symbols_are_uniform_over_the_rows_that_give_the_label():
    task = SymbolTask(features={"f": 2}, symbols=4, train=16000)
    train = task.stimuli(1).train
    symbols = train.inputs.reshape(len(train), 8, 4).argmax(axis=2)
    for label in range(4):
        pairs = np.bincount(symbols[train.labels[:, 0] == label, 0], minlength=4)
        assert np.abs(pairs - 1000).max() < 5 * np.sqrt(1000)
    shares = train.inputs.reshape(len(train), 8, 4).mean(axis=0)
    assert np.abs(shares - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / len(train))


def test_two_symbols_are_bits_and_their_parities():
    task = SymbolTask(features={"easy": 1, "hard": 3}, symbols=2, **SMALL)
    test = task.stimuli(0).test
    bits = test.inputs[:, 1::2]  # the second of a symbol's two columns is 1 where the symbol is 1
    np.testing.assert_array_equal(test.labels[:, 0], bits[:, 0])
    np.testing.assert_array_equal(test.labels[:, 1], bits[:, 1:4].sum(axis=1) % 2)


@pytest.mark.parametrize("noise", [0.1, 0.5])
def test_noise_redraws_exactly_its_share_of_one_features_training_labels_and_nothing_else(noise):
    clean = SymbolTask(features={"a": 1, "b": 2}, symbols=4, **SMALL)
    noisy = SymbolTask(features={"a": SymbolFeature(noise=noise), "b": 2}, symbols=4, **SMALL)
    for name, split in splits(noisy).items():
        np.testing.assert_array_equal(split.inputs, splits(clean)[name].inputs)
        np.testing.assert_array_equal(split.labels[:, 1], splits(clean)[name].labels[:, 1])
        if name != "train":
            np.testing.assert_array_equal(split.labels, splits(clean)[name].labels)
    before, after = splits(clean)["train"].labels[:, 0], splits(noisy)["train"].labels[:, 0]
    # A redrawn label is the old one in a quarter of the cases.
    redrawn = round(noise * len(before))
    assert abs((before != after).sum() - 0.75 * redrawn) < 5 * np.sqrt(redrawn * 0.75 * 0.25)


def test_the_redrawn_labels_are_as_many_of_every_class(monkeypatch):
    """Mark every label that is redrawn: they are exactly the stated share, and balanced over the classes."""
    task = SymbolTask(features={"a": SymbolFeature(noise=0.25)}, symbols=3, **SMALL)
    drawn = []

    def marked(random, n, classes):
        drawn.append((n, classes))
        return np.full(n, classes)

    clean = task.stimuli(0).validation.labels
    monkeypatch.setattr("repbias.tasks.bits.symbols.balanced_classes", marked)
    marks = task._noisy(0, clean)
    assert drawn == [(round(0.25 * len(clean)), 3)]
    assert (marks == 3).sum() == round(0.25 * len(clean))
    np.testing.assert_array_equal(marks[marks != 3], clean[marks != 3])


def test_noise_is_independent_of_the_label_and_of_the_other_features_noise():
    features = {name: SymbolFeature(noise=0.5) for name in ("a", "b")}
    noisy = SymbolTask(features=features, symbols=4, length=12).stimuli(0).train
    clean = SymbolTask(features={"a": 1, "b": 1}, symbols=4, length=12).stimuli(0).train
    changed = noisy.labels != clean.labels
    assert abs(np.corrcoef(changed.T)[0, 1]) < 5 / np.sqrt(len(changed))
    rates = [changed[clean.labels[:, 0] == label, 0].mean() for label in range(4)]
    assert np.ptp(rates) < 10 * np.sqrt(0.375 * 0.625 / (len(changed) / 4))


def test_same_seed_same_stimuli_other_seed_other_stimuli():
    task = SymbolTask(features={"a": SymbolFeature(noise=0.2), "b": 2}, symbols=5, **SMALL)
    for name, split in splits(task, 3).items():
        again, other = splits(task, 3)[name], splits(task, 4)[name]
        np.testing.assert_array_equal(split.inputs, again.inputs)
        np.testing.assert_array_equal(split.labels, again.labels)
        assert (split.labels != other.labels).mean() > 0.7
        assert (split.inputs != other.inputs).mean() > 0.2


def test_a_feature_reads_the_columns_that_it_names_and_no_others():
    task = SymbolTask(features=FEATURES, symbols=3, **SMALL)
    assert task.positions() == {
        "easy": tuple(range(3)),
        "hard": tuple(range(3, 9)),
        "harder": tuple(range(9, 18)),
    }
    assert (task.feature_names, task.n_classes, task.input_shape) == (tuple(FEATURES), (3, 3, 3), (36,))
    assert task.n_stimuli == (1200, 240, 240)
    assert isinstance(task, Task)


def test_a_number_a_dictionary_and_a_spec_are_the_same_task():
    written = [SymbolTask(features={"a": feature, "b": 1}) for feature in (3, {"inputs": 3}, SymbolFeature(inputs=3))]
    assert len({task.digest() for task in written}) == 1
    assert SymbolTask.model_validate_json(written[0].canonical_json()) == written[0]


@pytest.mark.parametrize("symbols", [2, 3, 8])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_design_passes(symbols, noise):
    features = {"easy": SymbolFeature(noise=noise), "hard": SymbolFeature(inputs=2, noise=noise)}
    check = check_design(SymbolTask(features=features, symbols=symbols, length=16))
    assert check.passed, check.failures()


def test_too_small_a_space_does_not_pass():
    check = check_design(SymbolTask(features={"easy": 1, "hard": 2}, symbols=2, length=8))
    assert not check.passed
    assert "too many for so small a space" in check.failures()


@pytest.mark.parametrize(
    ("spec", "problems"),
    [
        ({"features": FEATURES, "length": 5}, ["the features read 6 symbols and length=5; set length to 6"]),
        ({"features": {"a": 1}, "symbols": 1}, ["symbols: Input should be greater than or equal to 2 (got 1)"]),
        ({"features": {}}, ["features: "]),
        ({"features": {"": 1}}, ["at least 1 character"]),
        ({"features": {"a": 0}}, ["features.a.inputs: ", "(got 0)"]),
        ({"features": {"a": "copy"}}, ["features.a: "]),
        ({"features": {"a": {"noise": 1.0}}, "train": 1}, ["2 problems", "features.a.noise: ", "train: "]),
    ],
)
def test_a_wrong_task_is_refused_with_every_problem_named(spec, problems):
    with pytest.raises(ValidationError) as error:
        SymbolTask(**spec)
    text = explain(error.value, "task")
    for problem in problems:
        assert problem in text


def test_a_trained_network_has_both_features_and_an_untrained_one_has_neither():
    task = SymbolTask(features={"easy": 1, "hard": 2}, symbols=3, train=4096, validation=512, test=512)
    training = Training(optimizer=SGD(lr=0.2), batch=64, phases=(Phase(until="steps", steps=1500),))
    (network,) = train(task, MLP(widths=(64,)), seeds=1, training=training)
    table = network.outcome.table
    accuracy = table[table["measure"] == "accuracy"].pivot(index="step", columns="feature", values="value")
    assert (accuracy.loc[0] < 0.5).all()
    assert (accuracy.loc[1500] > 0.6).all()
