"""What is wrong with a stream is said as soon as it can be told, with the chunk and the stimulus it came in."""

import re

import numpy as np
import pytest
import torch

from repbias.audit.stream.audit import audit_stream

N = 24
X = np.random.default_rng(0).normal(size=(N, 4))
SIDE = np.arange(N) % 2


def altered(value, row=15, unit=1):
    x = X.copy()
    x[row, unit] = value
    return x


def halves(x=X):
    return [x[:12], x[12:]]


REFUSED = {
    "an array": ({"chunks": X}, "for activity that fits in memory use audit_arrays"),
    "a tensor": ({"chunks": torch.from_numpy(X)}, "chunks must be an iterable of arrays"),
    "a mapping": ({"chunks": {"V4": X}}, "chunks must be an iterable of arrays"),
    "a number": ({"chunks": 3}, "got int"),
    "no chunks": ({"chunks": []}, "there were no chunks (an iterator that was used up holds none)"),
    "an iterator that is used up": ({"chunks": iter(())}, "from a fresh iterable"),
    "too few stimuli": ({"chunks": halves(X[:23])}, "labels of 24 stimuli, and the chunks held 23"),
    "too many stimuli": ({"chunks": [X, X[:1], None]}, "the chunks up to number 1 hold 25"),
    "another width": ({"chunks": [X[:12], X[12:, :3]]}, "chunk 1 has 3 units, the arrays before it 4"),
    "another layer": ({"chunks": [{"V4": X[:12]}, {"IT": X[12:]}]}, "chunk 1 holds the layers ['IT'], the"),
    "a layer more": ({"chunks": [{"V4": X[:12]}, {"V4": X[12:], "IT": X[12:]}]}, "give the same layers in all"),
    "no layers": ({"chunks": [{}]}, "chunk 0 names no layer"),
    "a layer whose name is a number": ({"chunks": [{3: X}]}, "layers must have names, got 3 in chunk 0"),
    "layers of other stimuli": ({"chunks": [{"V4": X, "IT": X[1:]}]}, "the same stimuli, got {'V4': 24, 'IT': 23}"),
    "one axis": ({"chunks": [X[:, 0]]}, "layer 'activity' of chunk 0 must be an array [stimulus, unit]"),
    "three axes": ({"chunks": [X[:, :, None]]}, "average or flatten the axes"),
    "an empty chunk": ({"chunks": [X[:12], X[:0], X[12:]]}, "layer 'activity' of chunk 1 has shape (0, 4)"),
    "no units": ({"chunks": [X[:, :0]]}, "at least one stimulus and one unit"),
    "NaN": ({"chunks": halves(altered(np.nan))}, "of chunk 1 must be finite, got 1 values"),
    "infinity": ({"chunks": halves(altered(-np.inf))}, "the first at stimulus 15, unit 1"),
    "squares that overflow": ({"chunks": halves(altered(1e25))}, "values so large beside its first chunk"),
    "complex activity": ({"chunks": [X + 1j]}, "must hold real numbers"),
    "activity of text": ({"chunks": [X.astype(str)]}, "must be an array of numbers"),
    "bare labels": ({"features": SIDE}, "features must be a mapping"),
    "no features": ({"features": {}}, "features must name one or more"),
    "labels of other numbers": ({"features": {"a": SIDE, "b": SIDE[1:]}}, "for each of the 24 stimuli"),
    "a class of one stimulus": ({"features": {"side": np.r_[2, SIDE[1:]]}}, "got one of '2'"),
    "a constant number": ({"features": {"side": np.full(len(X), 0.5)}}, "must vary"),
    "a label that is missing": ({"features": {"side": np.where(SIDE, np.nan, 0)}}, 'with missing="drop"'),
    "another policy": ({"missing": "dropp"}, "did you mean 'drop'?"),
    "a seed below 0": ({"seed": -1}, "seed must be 0 or more"),
    "too few resamples": ({"resamples": 10}, "resamples must be 100 or more"),
    "too few permutations": ({"permutations": 10}, "permutations must be 50 or more"),
    "a small sample": ({"sample": 100}, "sample must be 1,000 or more, got 100"),
    "a sample that is no number": ({"sample": 0.5}, "sample must be a whole number"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_what_came_and_what_to_do(case):
    changed, message = REFUSED[case]
    given = {"chunks": halves(), "features": {"side": SIDE}} | changed
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        audit_stream(given.pop("chunks"), given.pop("features"), **given)


def test_labels_are_refused_before_anything_is_read():
    def chunks():
        raise AssertionError("read")
        yield

    with pytest.raises(ValueError, match="two classes or more"):
        audit_stream(chunks(), {"side": np.zeros(N, int)})


def test_an_error_of_the_source_is_its_own():
    def chunks():
        yield X[:12]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        audit_stream(chunks(), {"side": SIDE})
