"""A feature as an audit uses it: its values, its design matrix, and the permuted values of its tests."""

from __future__ import annotations

from dataclasses import dataclass

from repbias.core.arrays import FloatArray
from repbias.core.randomness import rng
from repbias.features.folds import one_hot
from repbias.features.labels import Labellings, Labels
from repbias.features.permutations import Exchange


@dataclass(frozen=True, eq=False)
class Feature:
    """A categorical feature, and the labellings of its tests, the same in every layer."""

    name: str
    labels: Labels
    code: FloatArray
    """Design matrix of a regression from the feature: its one-hot code, `[stimulus, class]`."""

    permuted: Labellings
    """Labels of the permutation test, `[permutation, stimulus]`."""

    planted: Labellings
    """Labels of the features that are planted to estimate power, `[planted, stimulus]`."""

    n_exchanged: int
    """Number of items (stimuli, or clusters of them) that change places in a permutation."""

    @property
    def n_classes(self) -> int:
        return len(self.labels.classes)

    @classmethod
    def with_permutations(cls, name: str, labels: Labels, rule: Exchange, n: int, *, seed: int) -> Feature:
        """Return a feature with `n` permuted and `n` planted labellings, drawn by its exchange rule."""
        permuted, planted = (
            rule.permuted(labels.numbers, n, rng(seed, "audit", what, name)) for what in ("permutations", "planted")
        )
        return cls(name, labels, one_hot(labels.numbers, len(labels.classes)), permuted, planted, rule.n)
