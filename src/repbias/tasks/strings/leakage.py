"""Checks that nothing but the tokens that define a feature of a string gives its value away.

Nothing is trained. Single tokens, pairs of neighbours and positions are counted, and each count is compared with the
exact binomial distribution that it has if it is unrelated to the feature; the whole bag of tokens is compared with its
best linear read-out. The statistics and their bounds are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom

from repbias.tasks.strings.features import StringFeature
from repbias.tasks.task import UNLABELLED, Finding, Split

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Vocabulary:
    """The words of a task, `[token]`, and the numbers of the tokens that each feature owns."""

    words: tuple[str, ...]
    owned: Mapping[str, tuple[int, ...]]

    def __len__(self) -> int:
        return len(self.words)


def string_leakage(
    features: Mapping[str, StringFeature], vocabulary: Vocabulary, splits: Mapping[str, Split], alpha: float
) -> Iterator[Finding]:
    """Return five rows for each feature and split; those about its own tokens are left out where these define it.

    - `token counts`: the largest |phi| of the feature with "token t occurs c times or more", over all t and c; for
      a feature that is determined by its tokens (presence, count) only over tokens that it does not own.
    - `bag of tokens`: the R2 of the feature's value on the counts of all those tokens (least squares), which under
      independence is beta distributed.
    - `bigrams`: the largest |phi| with "token s comes right before t somewhere", where the feature owns neither s nor
      t; for a feature that is determined by a combination of tokens (parity, equality), it may own one of the two. In
      presence and count a single token of the feature gives the value, and where order gives the value, such a token
      has other neighbours because of the end of the string or the feature's other token.
    - `token positions`: the largest |phi| with "a token of the feature holds position p" and with "token t, which it
      does not own, holds position p"; for a feature that is determined by a combination, with any token t.
    - `own span`: the largest |phi| with "the first and the last token of the feature lie d positions apart or more";
      only for features that hold several positions.

    The bounds are exceeded with probability `alpha` or less by all rows of one check together (Bonferroni).

    Parameters
    ----------
    splits : by name, with inputs `[stimulus, position]` that are tokens and nothing else.
    """
    level = alpha / (len(splits) * len(features))
    for split_name, split in splits.items():
        for i, (name, feature) in enumerate(features.items()):
            labelled = split.labels[:, i] != UNLABELLED
            tokens = split.inputs[labelled].astype(np.int64)
            own = np.isin(np.arange(len(vocabulary)), vocabulary.owned[name])
            value = split.labels[labelled, i] == 1
            reading = _Reading(name, split_name, feature.determined_by, vocabulary.words, own, tokens, value, level)
            yield reading.token_counts()
            yield reading.bag_of_tokens()
            yield reading.bigrams()
            yield reading.token_positions()
            if feature.size > 1:
                yield reading.own_span()


@dataclass(frozen=True)
class _Reading:
    """Strings `[stimulus, position]` of one split, the value of one feature `[stimulus]`, and its tokens `[token]`."""

    feature: str
    split: str
    determined_by: str
    words: tuple[str, ...]
    own: NDArray[np.bool_]
    tokens: Counts
    value: NDArray[np.bool_]
    level: float

    @cached_property
    def counts(self) -> Counts:
        """How often each token that must be uninformative occurs, `[stimulus, token]`; others count 0."""
        n, vocabulary = len(self.tokens), len(self.words)
        cells = self.tokens + vocabulary * np.arange(n)[:, None]
        counts = np.bincount(cells.ravel(), minlength=n * vocabulary).reshape(n, vocabulary)
        return counts * ~self.own if self.determined_by == "tokens" else counts

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
        note += ", those of the feature left out" * (self.determined_by == "tokens")
        return self._finding("bag of tokens", min(r2, 1.0), bound, note)

    def bigrams(self) -> Finding:
        """Any two neighbours, in this order."""
        vocabulary = len(self.words)
        first, second = self.own[:, None], self.own[None, :]
        silent = ~(first & second) if self.determined_by == "combination" else ~(first | second)
        codes = np.sort(self.tokens[:, :-1] * vocabulary + self.tokens[:, 1:], axis=1)
        codes[:, 1:][codes[:, 1:] == codes[:, :-1]] = -1  # once a string, however often
        seen, seen_with_one = self._occurrences(codes, (vocabulary, vocabulary))
        return self._strongest("bigrams", seen * silent, seen_with_one, lambda s, t: f"{self._word(s)} {self._word(t)}")

    def token_positions(self) -> Finding:
        """Any position, by the token that it holds; the feature's tokens are also counted together."""
        vocabulary, length = len(self.words), self.tokens.shape[1]
        start = (vocabulary + 1) * np.arange(length)
        any_own = np.where(self.own[self.tokens], start + vocabulary, -1)
        codes = np.concatenate([start + self.tokens, any_own], axis=1)
        seen, seen_with_one = self._occurrences(codes, (length, vocabulary + 1))
        silent = ~self.own | (self.determined_by == "combination")
        return self._strongest(
            "token positions",
            seen * np.append(silent, True),
            seen_with_one,
            lambda p, t: f"{self._word(t) if t < vocabulary else 'any token of the feature'} at position {p}",
        )

    def own_span(self) -> Finding:
        """The distance between the first and the last token of the feature."""
        held = self.own[self.tokens]
        spans = held.shape[1] - 1 - held[:, ::-1].argmax(axis=1) - held.argmax(axis=1)
        reached = spans[:, None] >= np.arange(held.shape[1])
        seen, seen_with_one = reached.sum(axis=0), reached[self.value].sum(axis=0)
        return self._strongest("own span", seen, seen_with_one, lambda d: f"{d} positions or more")

    def _word(self, token: int) -> str:
        return repr(self.words[token])

    def _occurrences(self, codes: Counts, shape: tuple[int, int]) -> tuple[Counts, Counts]:
        """Return in how many strings each code of `[stimulus, place]` occurs (-1: none), and in how many of value 1."""
        size = shape[0] * shape[1]
        seen, seen_with_one = (np.bincount(c[c >= 0], minlength=size) for c in (codes, codes[self.value]))
        return seen.reshape(shape), seen_with_one.reshape(shape)

    def _strongest(self, check: str, seen: Counts, seen_with_one: Counts, name: Callable[..., str]) -> Finding:
        """Return the row of the event that is nearest to its bound, or exceeds it most; `name` describes an event."""
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
        return Finding.of(check, self.feature, self.split, value, bound, note)


def event_associations(
    seen: Counts, seen_with_one: Counts, ones: int, n: int, level: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return |phi| of a binary value with each event, and the |phi| that is exceeded with probability `level` or less.

    Parameters
    ----------
    seen, seen_with_one : `[event]`, in how many of the `n` stimuli it occurs (neither none nor all), and in how many of
        those with value 1.
    ones : how many stimuli have the value 1.

    Where value and event are independent, `seen_with_one` is hypergeometric. The bound comes from the binomial
    distribution with the same mean, for the rarer of the event and its absence: its standard deviation is larger by a
    factor of up to 1.41, and unlike the chi-square's it is valid for events of any rarity. For an event so rare that
    even the most extreme outcome is more likely than `level`, the bound is 1.
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
