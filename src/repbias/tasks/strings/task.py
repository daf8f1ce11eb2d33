"""Strings of tokens whose features each have tokens of their own, and the order in which a model reports them.

Tokenised strings and a manipulated position in the output are the design of Lampinen, Chan & Hermann (2024), who let
a Transformer report the features as a sequence. Nothing more of their strings is known to us: kinds of feature, sizes,
fillers and exact balance are our choices.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from repbias.core.randomness import rng
from repbias.core.specs import did_you_mean
from repbias.tasks.design import further_checks
from repbias.tasks.sampling import balanced_labels, draw_unseen, labelled_mask, stimulus_keys, too_rare
from repbias.tasks.strings.features import AnyStringFeature
from repbias.tasks.strings.layout import Block, draw_owners
from repbias.tasks.strings.leakage import string_leakage
from repbias.tasks.task import OUTPUT_POSITION, UNLABELLED, Manipulation, Split, Stimuli, Task

GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"),
    *("nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
)
MAX_TOKENS = 256  # a stimulus is a row of uint8


class StringTask(Task):
    """Strings of `length` tokens; each feature is read from tokens of its own, and fillers take the other positions.

    `StringTask(features={"easy": "presence", "hard": {"kind": "parity", "markers": 3}})`. A stimulus is a row of uint8,

        [ tokens (length) | order (features) | answers (features) ]

    `order[p]` is the index of the feature that is reported at output position p, the same in all stimuli of a network.
    `answers[p]` is its value, for teacher forcing, and 2 where it has none; in validation and test answers are 0.
    Labels stay in the order of `feature_names`.

    Every feature holds the same number of positions for both of its values, and so do the fillers. Where the tokens of
    a feature lie is drawn apart from all values, see `string_layout.draw_owners`; fillers are uniform.

    Attributes
    ----------
    features : the features by name; the order of the labels. A string is short for a kind with its defaults:
        "presence", "precedes", "equality", "parity", "count", "brackets".
    length : tokens in a string.
    fillers : how many filler tokens there are.
    order : in which order features are reported: as "declared"; "rotated", see `reporting_order`; or their names.
    train, validation, test : how many stimuli each split has.

    Raises
    ------
    ValueError : the features need more positions or tokens than there are, an extent is longer than the string, an
        order is no permutation of the names, or a manipulation leaves fewer than 30 training items of a value.
    """

    kind: Literal["string"] = "string"
    features: dict[Annotated[str, Field(min_length=1)], AnyStringFeature] = Field(min_length=1)
    length: int = Field(default=16, ge=1)
    fillers: int = Field(default=16, ge=1)
    order: Literal["declared", "rotated"] | tuple[str, ...] = "declared"
    train: int = Field(default=16384, ge=2)
    validation: int = Field(default=4096, ge=2)
    test: int = Field(default=4096, ge=2)

    answer_vocabulary: ClassVar[int] = 3  # 0, 1, not labelled

    @field_validator("order", mode="before")
    @classmethod
    def _named_order(cls, order: object) -> object:
        if isinstance(order, str) and order not in ("declared", "rotated"):
            known = did_you_mean(order, ("declared", "rotated"))
            raise ValueError(f"unknown order {order!r}; {known} Or list the names of the features")
        return order

    @model_validator(mode="after")
    def _feasible(self) -> StringTask:
        problems = [
            *self._too_short(),
            *self._too_many_tokens(),
            *self._too_wide(),
            *too_rare(self.features, self.train),
        ]
        if isinstance(self.order, tuple) and sorted(self.order) != sorted(self.features):
            names = ", ".join(self.features)
            problems.append(f"order={self.order} must name every feature once: {names}, in any order")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _too_short(self) -> Iterator[str]:
        needed = sum(feature.size for feature in self.features.values())
        if needed > self.length:
            each = ", ".join(f"{name} {feature.size}" for name, feature in self.features.items())
            yield f"the features hold {needed} positions ({each}) and length={self.length}; set length to {needed}"

    def _too_many_tokens(self) -> Iterator[str]:
        if self.vocabulary > MAX_TOKENS:
            own = self.vocabulary - self.fillers
            yield (
                f"{own} tokens of features and {self.fillers} fillers are more than the {MAX_TOKENS} tokens that there "
                "can be; use fewer fillers, features or symbols"
            )

    def _too_wide(self) -> Iterator[str]:
        for name, feature in self.features.items():
            if feature.widest is not None and feature.widest >= self.length:
                yield (
                    f"{name}: the tokens of a string of {self.length} lie at most {self.length - 1} positions apart, "
                    f"got extent={feature.widest}; lower it, or leave it out for anywhere"
                )

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features, in the order declared."""
        return tuple(self.features)

    @property
    def n_classes(self) -> tuple[int, ...]:
        """Two for every feature."""
        return (2,) * len(self.features)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """One axis: tokens, order, answers."""
        return (self.length + 2 * len(self.features),)

    @property
    def n_stimuli(self) -> tuple[int, int, int]:
        """The sizes of the three splits."""
        return self.train, self.validation, self.test

    @property
    def manipulations(self) -> dict[str, Manipulation]:
        """The features that the training split treats otherwise, with their prevalence and labelled-for share."""
        return {
            name: Manipulation((1 - feature.prevalence, feature.prevalence), feature.labelled)
            for name, feature in self.features.items()
            if feature.is_manipulated
        }

    def content(self, inputs: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the tokens, `[stimulus, length]`."""
        return inputs[:, : self.length]

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return len(self.words)

    @property
    def words(self) -> tuple[str, ...]:
        """A readable name for every token: the features' own, in the order declared, then the fillers f0, f1, ..."""
        own = [word for words in self._own_words().values() for word in words]
        return (*own, *(f"f{i}" for i in range(self.fillers)))

    def _own_words(self) -> dict[str, tuple[str, ...]]:
        letters = (f"{letter}{round or ''}" for round in count() for letter in GREEK)  # alpha, ..., omega, alpha1, ...
        return {name: feature.words(letters) for name, feature in self.features.items()}

    def tokens_of(self, feature: str) -> tuple[int, ...]:
        """Return the numbers of the tokens that a feature owns."""
        start = 0
        for name, words in self._own_words().items():
            if name == feature:
                return tuple(range(start, start + len(words)))
            start += len(words)
        raise ValueError(f"no feature is called {feature!r}; {did_you_mean(feature, self.features)}")

    def text(self, row: NDArray[np.generic]) -> str:
        """Return a stimulus `[length + 2 features]` as words, then a bar and the features in the order of reporting."""
        words, names = self.words, self.feature_names
        tokens, order = row[: self.length], row[self.length :][: len(names)]
        return f"{' '.join(words[int(t)] for t in tokens)} | {', '.join(names[int(i)] for i in order)}"

    def reporting_order(self, seed: int) -> tuple[int, ...]:
        """Return the index of the feature that the network of this seed reports at each output position.

        Rotated: (w[p] + seed) modulo the number of features F at position p, with w = 0, 1, F-1, 2, F-2, ... (Williams
        1949). Over any F consecutive seeds every feature stands once at every position; if F is even, it also follows
        every other feature exactly once, so that neither position nor predecessor is confounded with identity.
        """
        n = len(self.features)
        if self.order == "declared":
            return tuple(range(n))
        if self.order == "rotated":
            zigzag = [(p + 1) // 2 if p % 2 else -(p // 2) for p in range(n)]
            return tuple((step + seed) % n for step in zigzag)
        return tuple(self.feature_names.index(name) for name in self.order)

    @property
    def teacher_forced(self) -> bool:
        """Training inputs hold the answers."""
        return True

    def given(self, seed: int) -> dict[str, dict[str, float]]:
        """Return the `output_position` of each feature, from 1, in the network of this seed."""
        order = self.reporting_order(seed)
        return {OUTPUT_POSITION: {self.feature_names[i]: p + 1.0 for p, i in enumerate(order)}}

    def stimuli(self, seed: int) -> Stimuli:
        """Draw the three splits of one network, the same for the same seed on every machine.

        In each split every feature is exactly balanced (in training: exactly at its prevalence), and independent of the
        others. No string occurs in two splits where the space allows.
        """
        train = self._train(seed)
        seen = set(stimulus_keys(self.content(train.inputs)))
        validation = self._clean(seed, "validation", self.validation, seen)
        seen.update(stimulus_keys(self.content(validation.inputs)))
        return Stimuli(train, validation, self._clean(seed, "test", self.test, seen))

    def _train(self, seed: int) -> Split:
        columns, masks = [], []
        for name, feature in self.features.items():
            values = balanced_labels(rng(seed, "data", "train", "labels", name), self.train, feature.prevalence)
            random = rng(seed, "data", "train", "asked", name)
            columns.append(values)
            masks.append(labelled_mask(random, values, feature.labelled, feature.prevalence))
        values = np.stack(columns, axis=1)
        labels = np.where(np.stack(masks, axis=1), values, UNLABELLED)
        tokens = self._tokens(rng(seed, "data", "train", "tokens"), values)
        unlabelled = self.answer_vocabulary - 1
        return self._split(seed, tokens, labels, np.where(labels == UNLABELLED, unlabelled, labels))

    def _clean(self, seed: int, split: str, n: int, seen: set[bytes]) -> Split:
        columns = [balanced_labels(rng(seed, "data", split, "labels", name), n) for name in self.features]
        labels = np.stack(columns, axis=1)
        random = rng(seed, "data", split, "tokens")
        tokens = draw_unseen(lambda index: self._tokens(random, labels[index]), n, seen)
        return self._split(seed, tokens, labels, np.zeros_like(labels))

    def _split(self, seed: int, tokens: NDArray[np.uint8], labels: NDArray[np.int64], answers: NDArray) -> Split:
        """Put tokens, order and answers (by feature, `[stimulus, feature]`) side by side."""
        order = np.array(self.reporting_order(seed))
        orders = np.broadcast_to(order, labels.shape)
        return Split(np.concatenate([tokens, orders, answers[:, order]], axis=1).astype(np.uint8), labels)

    def _tokens(self, random: np.random.Generator, labels: NDArray[np.int64]) -> NDArray[np.uint8]:
        blocks = [Block(feature.size, feature.widest) for feature in self.features.values()]
        owners = draw_owners(random, len(labels), self.length, blocks)
        first_filler = self.vocabulary - self.fillers
        tokens = random.integers(first_filler, self.vocabulary, size=owners.shape).astype(np.uint8)
        for i, (name, feature) in enumerate(self.features.items()):
            own = np.array(self.tokens_of(name), dtype=np.uint8)
            # Rows hold as many positions of a feature each, so a mask takes its tokens from left to right, row by row.
            tokens[owners == i] = own[feature.draw(random, labels[:, i])].ravel()
        return tokens


further_checks.register(StringTask, string_leakage)
