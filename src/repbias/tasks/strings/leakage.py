"""Does anything but what a feature is made of give its value away? What `check_design` adds for strings.

Nothing is trained. Single tokens, pairs of neighbours and positions are counted, and each count is held against the
exact binomial law that it follows if the feature does not matter; the whole bag of tokens is held against the best
linear reading of it. The statistics and their bounds are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom

from repbias.tasks.design import Finding
from repbias.tasks.task import UNLABELLED, Split

if TYPE_CHECKING:
    from repbias.tasks.strings.task import StringTask

Counts = NDArray[np.int64]


def string_leakage(task: StringTask, splits: Mapping[str, Split], alpha: float) -> Iterator[Finding]:
    """Return five rows for each feature and split; those of own tokens are left out where the feature is read there.

    - `token counts`: the largest |phi| of the feature with "token t occurs c times or more", over all t and c; for
      a feature told by its tokens (presence, count) over foreign tokens alone.
    - `bag of tokens`: the R2 of the feature's value on the counts of all those tokens (least squares), which under
      independence is beta distributed.
    - `bigrams`: the largest |phi| with "token s stands right before t somewhere", s and t both foreign; for a feature
      told by a combination of tokens (parity, equality) also with one of the two its own. A single own token says the
      value in presence and count, and has other neighbours by the end of the string or by the other own token where
      order says the value.
    - `token positions`: the largest |phi| with "an own token holds position p" and with "foreign token t holds position
      p"; for a feature told by a combination also with "own token t holds p".
    - `own span`: the largest |phi| with "the first and the last own token lie d positions apart or more"; only for
      features that hold several positions.

    The bounds are exceeded with probability `alpha` or less by all rows of one check together (Bonferroni).
    """
    level = alpha / (len(splits) * len(task.features))
    for split_name, split in splits.items():
        for i, name in enumerate(task.feature_names):
            labelled = split.labels[:, i] != UNLABELLED
            tokens = task.content(split.inputs[labelled]).astype(np.int64)
            reading = _Reading(task, name, split_name, tokens, split.labels[labelled, i] == 1, level)
            yield reading.token_counts()
            yield reading.bag_of_tokens()
            yield reading.bigrams()
            yield reading.token_positions()
            if task.features[name].size > 1:
                yield reading.own_span()


@dataclass(frozen=True)
class _Reading:
    """Strings `[stimulus, position]` of one split, and the value of one feature, `[stimulus]`."""

    task: StringTask
    feature: str
    split: str
    tokens: Counts
    value: NDArray[np.bool_]
    level: float

    @cached_property
    def own(self) -> NDArray[np.bool_]:
        """Which tokens are the feature's own, `[token]`."""
        return np.isin(np.arange(self.task.vocabulary), self.task.tokens_of(self.feature))

    @property
    def told_by(self) -> str:
        """What must be read to know the value."""
        return self.task.features[self.feature].told_by

    @cached_property
    def counts(self) -> Counts:
        """How often each token that must say nothing occurs, `[stimulus, token]`; others count 0."""
        n, vocabulary = len(self.tokens), self.task.vocabulary
        cells = self.tokens + vocabulary * np.arange(n)[:, None]
        counts = np.bincount(cells.ravel(), minlength=n * vocabulary).reshape(n, vocabulary)
        return counts * ~self.own if self.told_by == "tokens" else counts

    def token_counts(self) -> Finding:
        """Any single token, by how often it occurs."""
        often = np.arange(1, int(self.counts.max(initial=1)) + 1)[:, None, None]
        seen, seen_with_one = ((counts >= often).sum(axis=1) for counts in (self.counts, self.counts[self.value]))
        return self._strongest("token counts", seen, seen_with_one, lambda c, t: f"{self._word(t)}, {c + 1} or more")

    def bag_of_tokens(self) -> Finding:
        """All tokens at once, linearly."""
        counts, value = self.counts - self.counts.mean(axis=0), self.value - self.value.mean()
        variances, axes = np.linalg.eigh(counts.T @ counts)
        kept = variances > 1e-9 * variances.max()  # counts add up to the length, so some directions are empty
        along = axes[:, kept].T @ (counts.T @ value)
        r2 = np.sum(along**2 / variances[kept]) / max(value @ value, 1e-300)
        rank = int(kept.sum())
        left = len(value) - 1 - rank
        bound = float(beta.isf(self.level, rank / 2, left / 2)) if left > 0 and rank else 1.0
        note = f"R2 on the counts of {np.count_nonzero(self.counts.any(axis=0))} tokens"
        return self._finding(
            "bag of tokens", min(r2, 1.0), bound, note + ", own ones left out" * (self.told_by == "tokens")
        )

    def bigrams(self) -> Finding:
        """Any two neighbours, in this order."""
        vocabulary = self.task.vocabulary
        first, second = self.own[:, None], self.own[None, :]
        silent = ~(first & second) if self.told_by == "combination" else ~(first | second)
        codes = np.sort(self.tokens[:, :-1] * vocabulary + self.tokens[:, 1:], axis=1)
        codes[:, 1:][codes[:, 1:] == codes[:, :-1]] = -1  # once a string, however often
        seen, seen_with_one = self._occurrences(codes, (vocabulary, vocabulary))
        return self._strongest("bigrams", seen * silent, seen_with_one, lambda s, t: f"{self._word(s)} {self._word(t)}")

    def token_positions(self) -> Finding:
        """Any position, by the token that it holds; an own token is also counted as one, whichever it is."""
        vocabulary, length = self.task.vocabulary, self.tokens.shape[1]
        start = (vocabulary + 1) * np.arange(length)
        any_own = np.where(self.own[self.tokens], start + vocabulary, -1)
        codes = np.concatenate([start + self.tokens, any_own], axis=1)
        seen, seen_with_one = self._occurrences(codes, (length, vocabulary + 1))
        silent = ~self.own | (self.told_by == "combination")
        return self._strongest(
            "token positions",
            seen * np.append(silent, True),
            seen_with_one,
            lambda p, t: f"{self._word(t) if t < vocabulary else 'any own token'} at position {p}",
        )

    def own_span(self) -> Finding:
        """How far apart the first and the last own token lie."""
        held = self.own[self.tokens]
        spans = held.shape[1] - 1 - held[:, ::-1].argmax(axis=1) - held.argmax(axis=1)
        reached = spans[:, None] >= np.arange(held.shape[1])
        seen, seen_with_one = reached.sum(axis=0), reached[self.value].sum(axis=0)
        return self._strongest("own span", seen, seen_with_one, lambda d: f"{d} positions or more")

    def _word(self, token: int) -> str:
        return repr(self.task.words[token])

    def _occurrences(self, codes: Counts, shape: tuple[int, int]) -> tuple[Counts, Counts]:
        """Return in how many strings each code of `[stimulus, place]` occurs (-1: none), and in how many of value 1."""
        size = shape[0] * shape[1]
        seen, seen_with_one = (np.bincount(c[c >= 0], minlength=size) for c in (codes, codes[self.value]))
        return seen.reshape(shape), seen_with_one.reshape(shape)

    def _strongest(self, check: str, seen: Counts, seen_with_one: Counts, name: Callable[..., str]) -> Finding:
        """Return the row of the event that comes nearest to its bound, or exceeds it most; `name` tells its indices."""
        n, ones = len(self.value), int(self.value.sum())
        events = np.argwhere((seen > 0) & (seen < n))
        if not len(events) or not 0 < ones < n:
            return self._finding(check, 0, 0, "nothing differs from string to string")
        index = tuple(events.T)
        phi, bounds = event_associations(seen[index], seen_with_one[index], ones, n, self.level / len(events))
        strongest = int((phi / bounds).argmax())
        note = f"strongest of {len(events)}: {name(*(int(i) for i in events[strongest]))}"
        return self._finding(check, phi[strongest], bounds[strongest], note)

    def _finding(self, check: str, value: float, bound: float, note: str) -> Finding:
        return Finding(check, self.feature, self.split, float(value), float(bound), bool(value <= bound), note)


def event_associations(
    seen: Counts, seen_with_one: Counts, ones: int, n: int, level: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return |phi| of a binary value with each event, and the |phi| that it exceeds with probability `level` or less.

    Parameters
    ----------
    seen, seen_with_one : `[event]`, in how many of the `n` stimuli it occurs, and in how many of those of value 1;
        more than none of the stimuli and fewer than all.
    ones : how many stimuli have value 1.

    Where value and event are independent, `seen_with_one` is hypergeometric. The bound is taken from the binomial
    law of the same mean, for whichever is rarer, the event or its absence: its standard deviation is larger by up to
    1.41, and it holds for events of any rarity, unlike a chi-square's. An event so rare that even the most extreme
    outcome is more likely than `level` has 1.
    """
    rarer, rarer_with_one = np.where(seen <= n / 2, (seen, seen_with_one), (n - seen, ones - seen_with_one))
    distinct, where = np.unique(rarer, return_inverse=True)
    share = ones / n
    low, high = binom.ppf(level / 2, distinct, share)[where], binom.isf(level / 2, distinct, share)[where]
    scale = np.sqrt(rarer * (n - rarer) * share * (1 - share))
    expected = rarer * share
    above = rarer_with_one > expected
    bound = np.abs(np.where(above, high, low) - expected) / scale
    never = np.where(above, high >= rarer, low <= 0)
    return np.minimum(np.abs(rarer_with_one - expected) / scale, 1.0), np.where(never, 1.0, bound)
