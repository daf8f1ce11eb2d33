"""Strings of tokens in which each feature has tokens of its own, and the order in which a model reports the features.

Tokenised strings and a manipulated position in the output are the design of Lampinen, Chan & Hermann (2024), in which
a Transformer reports the features as a sequence. Nothing more is known to us about their strings: the kinds of feature,
sizes, fillers and exact balance are our choices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from repbias.core.randomness import rng
from repbias.core.results import OUTPUT_POSITION
from repbias.core.specs import did_you_mean, refuse_all, refuse_unknown
from repbias.tasks.generated import BinaryTask, Labels, consecutive, draw_unseen
from repbias.tasks.strings.features import AnyStringFeature
from repbias.tasks.strings.layout import Block, draw_owners
from repbias.tasks.strings.leakage import Vocabulary, string_leakage
from repbias.tasks.task import UNLABELLED, Finding, Split

GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"),
    *("nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
)
MAX_TOKENS = 256  # a stimulus is a row of uint8
NO_LABEL = 2  # the answer of a feature without a label; the others are 0 and 1


class StringTask(BinaryTask):
    """Strings of `length` tokens; each feature depends on tokens of its own, and fillers take the other positions.

    `StringTask(features={"easy": "presence", "hard": {"kind": "parity", "markers": 3}})`. A stimulus is a row of uint8,

        [ tokens (length) | order (features) | answers (features) ]

    `order[p]` is the index of the feature that is reported at output position p, the same in all stimuli of a network.
    `answers[p]` is its value, for teacher forcing, and 2 where it has no label; in validation and test answers are 0.
    Labels stay in the order of `feature_names`.

    Every feature takes the same number of positions for both of its values, and so do the fillers. The positions of a
    feature's tokens are drawn independently of all values, see `repbias.tasks.strings.layout`; fillers are uniform.

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
    ValueError : the features need more positions or tokens than there are, an extent exceeds the string, an
        order is not a permutation of the names, or a manipulation leaves fewer than 30 training items of a value.

    Examples
    --------
    >>> import repbias
    >>> repbias.StringTask(features={"easy": "presence", "hard": "parity"}).feature_names
    ('easy', 'hard')
    """

    kind: Literal["string"] = "string"
    features: dict[Annotated[str, Field(min_length=1)], AnyStringFeature] = Field(min_length=1)
    length: int = Field(default=16, ge=1)
    fillers: int = Field(default=16, ge=1)
    order: Literal["declared", "rotated"] | tuple[str, ...] = "declared"

    if TYPE_CHECKING:  # what is accepted, and not only what the fields hold

        def __init__(
            self, *, features: Mapping[str, str | Mapping[str, Any] | AnyStringFeature], **settings: Any
        ) -> None: ...

    @field_validator("order", mode="before")
    @classmethod
    def _named_order(cls, order: object) -> object:
        if isinstance(order, str) and order not in ("declared", "rotated"):
            known = did_you_mean(order, ("declared", "rotated"))
            raise ValueError(f"unknown order {order!r}; {known} Or list the names of the features")
        return order

    @model_validator(mode="after")
    def _feasible(self) -> StringTask:
        problems = [*self._too_short(), *self._too_many_tokens(), *self._too_wide(), *self.too_rare()]
        if isinstance(self.order, tuple) and sorted(self.order) != sorted(self.features):
            names = ", ".join(self.features)
            problems.append(f"order={self.order} must name every feature once: {names}, in any order")
        refuse_all(problems)
        return self

    def _too_short(self) -> Iterator[str]:
        needed = sum(feature.size for feature in self.features.values())
        if needed > self.length:
            each = ", ".join(f"{name} {feature.size}" for name, feature in self.features.items())
            yield f"the features take {needed} positions ({each}), but length={self.length}; set length to {needed}"

    def _too_many_tokens(self) -> Iterator[str]:
        if self.n_tokens > MAX_TOKENS:
            own = self.n_tokens - self.fillers
            yield (
                f"{own} tokens of features and {self.fillers} fillers exceed the maximum of {MAX_TOKENS} tokens; use "
                "fewer fillers, features or symbols"
            )

    def _too_wide(self) -> Iterator[str]:
        for name, feature in self.features.items():
            if feature.widest is not None and feature.widest >= self.length:
                yield (
                    f"{name}: the tokens of a string of {self.length} lie at most {self.length - 1} positions apart, "
                    f"got extent={feature.widest}; lower it, or leave it out for anywhere"
                )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """One axis: tokens, order, answers."""
        return (self.length + 2 * len(self.features),)

    def content(self, inputs: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the tokens, `[stimulus, length]`."""
        return inputs[:, : self.length]

    @property
    def n_tokens(self) -> int:
        """The number of tokens."""
        return len(self.words)

    @property
    def words(self) -> tuple[str, ...]:
        """A readable name for every token: those of the features, in the order declared, then fillers f0, f1, ..."""
        own = [word for words in self._own_words().values() for word in words]
        return (*own, *(f"f{i}" for i in range(self.fillers)))

    def _own_words(self) -> dict[str, tuple[str, ...]]:
        letters = (f"{letter}{round or ''}" for round in count() for letter in GREEK)  # alpha, ..., omega, alpha1, ...
        return {name: feature.words(letters) for name, feature in self.features.items()}

    def _owned(self) -> dict[str, tuple[int, ...]]:
        return consecutive({name: len(words) for name, words in self._own_words().items()})

    def tokens_of(self, feature: str) -> tuple[int, ...]:
        """Return the numbers of the tokens that belong to a feature."""
        refuse_unknown(feature, self.features, "feature")
        return self._owned()[feature]

    def leakage(self, splits: Mapping[str, Split], alpha: float) -> Iterable[Finding]:
        """See `Task.leakage` and `repbias.tasks.strings.leakage`."""
        tokens = {name: Split(self.content(split.inputs), split.labels) for name, split in splits.items()}
        return string_leakage(self.features, Vocabulary(self.words, self._owned()), tokens, alpha)

    def text(self, row: NDArray[np.generic]) -> str:
        """Return a stimulus `[length + 2 features]` as words, then a bar and the features in the order of reporting."""
        words, names = self.words, self.feature_names
        tokens, order = row[: self.length], row[self.length :][: len(names)]
        return f"{' '.join(words[int(t)] for t in tokens)} | {', '.join(names[int(i)] for i in order)}"

    def reporting_order(self, seed: int) -> tuple[int, ...]:
        """Return the index of the feature that the network of this seed reports at each output position.

        Rotated: (w[p] + seed) modulo the number of features F at position p, with w = 0, 1, F-1, 2, F-2, ... (Williams
        1949). Over any F consecutive seeds every feature has every position once; if F is even, it also follows every
        other feature exactly once, so that neither position nor predecessor is confounded with identity.
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

    def draw(self, seed: int, split: str, n: int, seen: set[bytes]) -> Split:
        """Draw a split: tokens, order and answers side by side."""
        values = self.values(seed, split, n)
        random = rng(seed, "data", split, "tokens")
        tokens = draw_unseen(lambda index: self._tokens(random, values[index]), n, seen)
        labels = self.labels(seed, split, values)
        answers = np.where(labels == UNLABELLED, NO_LABEL, labels) if split == "train" else np.zeros_like(labels)
        order = np.array(self.reporting_order(seed))
        orders = np.broadcast_to(order, labels.shape)
        return Split(np.concatenate([tokens, orders, answers[:, order]], axis=1).astype(np.uint8), labels)

    def _tokens(self, random: np.random.Generator, labels: Labels) -> NDArray[np.uint8]:
        blocks = [Block(feature.size, feature.widest) for feature in self.features.values()]
        owners = draw_owners(random, len(labels), self.length, blocks)
        first_filler = self.n_tokens - self.fillers
        tokens = random.integers(first_filler, self.n_tokens, size=owners.shape).astype(np.uint8)
        owned = self._owned()
        for i, (name, feature) in enumerate(self.features.items()):
            own = np.array(owned[name], dtype=np.uint8)
            # Every row has equally many positions of a feature, so the mask takes its tokens from left to right.
            tokens[owners == i] = own[feature.draw(random, labels[:, i])].ravel()
        return tokens
