"""A minimal task of strings: whether a marker occurs anywhere among random tokens."""

import numpy as np

from repbias.core.randomness import rng
from repbias.tasks.task import Split, Stimuli, Task


class Markers(Task):
    """Feature f is 1 where token f occurs, once, among fillers; features are reported in `order`."""

    features: int = 4
    length: int = 12
    vocabulary: int = 24
    order: tuple[int, ...] | None = None
    train: int = 512
    held_out: int = 128

    @property
    def feature_names(self):
        return tuple(f"marker{i}" for i in range(self.features))

    @property
    def n_classes(self):
        return (2,) * self.features

    @property
    def input_shape(self):
        return (self.length + 2 * self.features,)

    @property
    def n_stimuli(self):
        return self.train, self.held_out, self.held_out

    @property
    def n_tokens(self):
        return self.vocabulary

    @property
    def teacher_forced(self):
        return True

    def stimuli(self, seed):
        return Stimuli(
            *(self._split(seed, *s) for s in zip(("train", "validation", "test"), self.n_stimuli, strict=True))
        )

    def _split(self, seed, name, n):
        random = rng(seed, "data", name)
        labels = random.integers(0, 2, (n, self.features))
        tokens = random.integers(self.features, self.vocabulary, (n, self.length))
        places = random.permuted(np.tile(np.arange(self.length), (n, 1)), axis=1)
        for feature in range(self.features):
            has = np.flatnonzero(labels[:, feature])
            tokens[has, places[has, feature]] = feature
        order = np.array(self.order or range(self.features))
        answers = labels[:, order] if name == "train" else np.zeros_like(labels)
        rows = np.concatenate([tokens, np.tile(order, (n, 1)), answers], axis=1)
        return Split(rows.astype(np.uint8), labels)
