from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Planted = tuple[np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="session")
def plant() -> Callable[..., Planted]:
    """Return a maker of (representation, labels, true pooled R2 of each feature): independent features and noise."""

    def make(
        n: int = 20_000,
        n_units: int = 24,
        n_classes: tuple[int, ...] = (2, 3),
        strengths: tuple[float, ...] = (1.0, 0.5),
        offset: float = 0.0,
        seed: int = 0,
        p: float | None = None,
    ) -> Any:
        rng = np.random.default_rng(seed)
        labels = np.stack([rng.choice(c, n, p=None if p is None else [1 - p, p]) for c in n_classes], axis=1)
        x = rng.normal(size=(n, n_units)) + offset * rng.normal(size=n_units)
        explained = []
        for feature, (c, strength) in enumerate(zip(n_classes, strengths, strict=True)):
            means = strength * rng.normal(size=(c, n_units))
            x += means[labels[:, feature]]
            weights = np.full(c, 1 / c) if p is None else np.array([1 - p, p])
            explained.append(float((weights @ (means - weights @ means) ** 2).sum()))
        total = sum(explained) + n_units
        return x, labels, np.array(explained) / total

    return make
