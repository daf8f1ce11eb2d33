"""A task made from a user's own stimuli and labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    Field,
    PrivateAttr,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

from repbias.core.specs import IDENTITY, refuse_unknown
from repbias.tasks.arrays.data import Arrays, Axes, as_column, as_columns, checked_arrays, indices_as_column
from repbias.tasks.arrays.files import INPUTS, read_file, write_file
from repbias.tasks.arrays.linear import linearly_readable
from repbias.tasks.arrays.splits import Splitter
from repbias.tasks.task import SPLITS, Finding, Manipulation, Split, Stimuli, Task

PATIENCE = 2_000
# Arrays given in Python, by their digest, while a task holds them: a spec that was read from JSON finds them here.
_HELD: WeakValueDictionary[str, Arrays] = WeakValueDictionary()


class ArrayTask(Task):
    """Your own stimuli with two or more features: arrays, or a file of arrays.

    Networks report every feature of a stimulus, as in all other tasks. Real data match the roles of features
    imperfectly: `check_design` reports which features are correlated, unbalanced or linearly readable from the
    stimuli, and training is not refused.

    Training of such a task ends a phase also where the mean validation accuracy of its features has not risen by
    0.1 percentage points for 2,000 steps, because real data may never reach the mastery accuracy of 99 %.
    `Phase(patience=...)` sets another number of steps.

    Parameters
    ----------
    inputs : `[stimulus, ...]`, an array or tensor: vectors, pictures or sequences, of finite numbers.
    labels : a mapping of names to arrays `[stimulus]`, or a DataFrame: whole numbers, truth values or text.
    path : a file instead of both: .npz without pickled objects, or .safetensors. It holds the array "inputs", and
        one array `[stimulus]` by the name of each feature.
    features : which labels are features, and their order; by default all except those that `groups` and `split` name.
    groups : the name of a label, or an array `[stimulus]`: the object, speaker or session of each stimulus. All stimuli
        of a group are in one split. Every split has the same number of groups for each seed, and is cut to the number
        of stimuli that so many of the smallest groups hold.
    split : the fractions of training, validation and test stimuli, drawn for each seed so that every combination of
        classes has nearly its share in each; or the same splits for all seeds: the name of a label with the values
        "train", "validation", "test" (and "" for stimuli that are left out), or a mapping of these names to indices.
    axes : the axes after that of the stimuli: "unit", "row column" (grey pictures), "channel row column",
        "row column channel" or "step unit". Only needed where the shape could be of two kinds.
    standardize : subtract the mean of the training stimuli and divide by their standard deviation: for each channel of
        pictures, for each unit of vectors and of the steps of sequences. With False, numbers are unchanged.
    fingerprint : the digest of stimuli and labels, which is computed. It is part of a run's identity, and the path is
        not.

    Raises
    ------
    ValueError : labels of another length, a feature of one class, a class absent from a split, axes of two possible
        kinds, a file with pickled objects, or inputs that are NaN or infinite.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> random = np.random.default_rng(0)
    >>> labels = {"side": random.integers(0, 2, 300), "tone": random.choice(["low", "mid", "high"], 300)}
    >>> task = repbias.ArrayTask(random.normal(size=(300, 8)) + labels["side"][:, None], labels)
    >>> task.feature_names, task.n_classes, task.n_stimuli
    (('side', 'tone'), (2, 3), (180, 60, 60))
    >>> task.class_names("tone")
    ('high', 'low', 'mid')
    """

    kind: Literal["arrays"] = "arrays"
    path: str | None = None
    features: tuple[str, ...] = Field(min_length=1)
    groups: str | None = None
    split: tuple[float, float, float] | str = (0.6, 0.2, 0.2)
    axes: Axes | None = None
    standardize: bool = True
    fingerprint: str
    _arrays: Arrays = PrivateAttr()

    def __init__(
        self,
        inputs: Any = None,
        labels: Any = None,
        *,
        path: str | Path | None = None,
        features: Iterable[str] | None = None,
        groups: Any = None,
        split: Any = (0.6, 0.2, 0.2),
        axes: Axes | None = None,
        standardize: bool = True,
        fingerprint: str | None = None,
        **unknown: Any,
    ) -> None:
        columns: dict[str, NDArray[np.generic]] | None = None
        if path is not None:
            if inputs is not None or labels is not None:
                raise ValueError("give inputs and labels, or the path of a file that holds both, and not all three")
            inputs, columns = read_file(Path(path))
        elif inputs is not None or labels is not None:
            if inputs is None or labels is None:
                raise ValueError("inputs and labels are both needed: ArrayTask(inputs, labels), or ArrayTask(path=...)")
            columns = as_columns(labels)
        arrays = None if columns is not None else _held(fingerprint)
        if columns is not None:
            groups = _named(groups, "groups", columns)
            if isinstance(split, Mapping):
                split = _named(indices_as_column(split, len(inputs)), "split", columns)
            others = (groups, split) if isinstance(split, str) else (groups,)
            names = tuple(features) if features is not None else tuple(name for name in columns if name not in others)
            arrays = _made(path, inputs, columns, names, groups, split if isinstance(split, str) else None, axes)
            if fingerprint not in (None, arrays.fingerprint):
                raise ValueError(f"{path} has changed since this task was saved; make a new task of the file")
        assert arrays is not None
        fields: dict[str, Any] = {
            "path": None if path is None else str(path),
            "features": tuple(arrays.features),
            "groups": groups,
            "split": split,
            "axes": axes,
            "standardize": standardize,
            "fingerprint": arrays.fingerprint,
        }
        super().__init__(**fields, **unknown)
        self._arrays = _HELD.setdefault(arrays.fingerprint, arrays)
        self._splitter.parts(0)  # a class that is absent from a split is refused now

    @field_validator("features")
    @classmethod
    def _two_or_more(cls, features: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(features)) < max(len(features), 2):
            raise ValueError(f"two or more different features are compared, got {', '.join(features)}; add labels")
        return features

    @field_validator("split")
    @classmethod
    def _sums_to_one(cls, split: tuple[float, float, float] | str) -> tuple[float, float, float] | str:
        if not isinstance(split, str) and (min(split) <= 0 or abs(sum(split) - 1) > 1e-6):
            raise ValueError(f"split={split} must be three fractions above 0 that sum to 1, such as (0.6, 0.2, 0.2)")
        return split

    @model_serializer(mode="wrap")
    def _without_path(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        fields: dict[str, Any] = handler(self)
        if info.context == IDENTITY:
            for name in ("path", "axes"):  # the fingerprint says which data these are, however they are stored
                fields.pop(name, None)
        return fields

    @cached_property
    def _splitter(self) -> Splitter:
        return Splitter(self._arrays, (0.6, 0.2, 0.2) if isinstance(self.split, str) else self.split)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features, in order."""
        return self.features

    @property
    def n_classes(self) -> tuple[int, ...]:
        """The number of classes of each feature."""
        return tuple(len(labels.classes) for labels in self._arrays.features.values())

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one stimulus; of a picture: channels, rows, columns."""
        return self._arrays.inputs.shape[1:]

    @property
    def n_stimuli(self) -> tuple[int, int, int]:
        """The number of training, validation and test stimuli."""
        return self._splitter.sizes

    @property
    def is_controlled(self) -> bool:
        """False: the stimuli are not made for the comparison, and `check_design` only reports."""
        return False

    @property
    def patience(self) -> int:
        """2,000 steps."""
        return PATIENCE

    @property
    def manipulations(self) -> dict[str, Manipulation]:
        """None: what differs from a balanced design is found by `check_design`."""
        return {}

    def class_names(self, feature: str) -> tuple[str, ...]:
        """Return the names of a feature's labels 0, 1, ...

        Raises
        ------
        ValueError : there is no such feature.
        """
        refuse_unknown(feature, self.features, "feature")
        return self._arrays.features[feature].classes

    def indices(self, seed: int) -> dict[str, NDArray[np.int64]]:
        """Return which stimuli of the arrays are in each split, by the name of the split."""
        return dict(zip(SPLITS, self._splitter.parts(seed), strict=True))

    def stimuli(self, seed: int) -> Stimuli:
        """Return the three splits of one network, standardised by its training stimuli."""
        inputs: NDArray[Any] = self._arrays.inputs
        labels = self._arrays.labels
        train, validation, test = self._splitter.parts(seed)
        parts = [inputs[index] for index in (train, validation, test)]
        if self.standardize:
            mean, deviation = _standard(parts[0])
            parts = [((part - mean) / deviation).astype(np.float32) for part in parts]
        return Stimuli(
            Split(parts[0], labels[train]), Split(parts[1], labels[validation]), Split(parts[2], labels[test])
        )

    def leakage(self, splits: Mapping[str, Split], alpha: float) -> Iterable[Finding]:
        """Yield how well each feature can be read linearly from the stimuli."""
        return linearly_readable(self.features, splits, alpha)

    def save(self, path: str | Path) -> ArrayTask:
        """Write stimuli and labels to an .npz or .safetensors file, and return the same task of that file.

        A study in a store needs a file, because its networks are trained by other processes.

        Raises
        ------
        ValueError : the file exists already, or has another ending.
        """
        arrays, picked = self._arrays, {}
        for name, labels in arrays.features.items():
            whole = all(label.lstrip("-").isdigit() for label in labels.classes)
            picked[name] = np.array(labels.classes)[labels.numbers]
            if whole:
                picked[name] = picked[name].astype(np.int64)
        if self.groups is not None:
            picked[self.groups] = np.asarray(arrays.groups)
        if isinstance(self.split, str):
            picked[self.split] = np.array([*SPLITS, ""])[np.asarray(arrays.split)]
        write_file(Path(path), {INPUTS: arrays.inputs, **picked})
        axes = {1: "unit", 2: "step unit", 3: "channel row column"}[arrays.inputs.ndim - 1]
        return ArrayTask(
            path=path, features=self.features, groups=self.groups, split=self.split, axes=axes,  # type: ignore[arg-type]
            standardize=self.standardize,
        )  # fmt: skip


def _made(
    path: str | Path | None, inputs: Any, columns: Mapping[str, NDArray[np.generic]], features: tuple[str, ...],
    groups: str | None, split: str | None, axes: Axes | None,
) -> Arrays:  # fmt: skip
    try:
        return checked_arrays(inputs, columns, features=features, groups=groups, split=split, axes=axes)
    except (ValueError, TypeError) as error:
        if path is None:
            raise
        raise ValueError(f"{path}: {error}") from error


def _held(fingerprint: str | None) -> Arrays:
    if fingerprint is None:
        raise ValueError("inputs and labels are needed: ArrayTask(inputs, labels), or ArrayTask(path=...)")
    if fingerprint not in _HELD:
        raise ValueError(
            "the arrays of this task were given in Python, and this process does not have them: "
            "save them with task.save('data.npz'), and use the task that it returns"
        )
    return _HELD[fingerprint]


def _named(values: Any, name: str, columns: dict[str, NDArray[np.generic]]) -> str | None:
    """Return the name of a column; an array is put among the columns under `name` first."""
    if values is None or isinstance(values, str):
        return values
    if name in columns:
        raise ValueError(f"labels have a column {name!r} already: write {name}={name!r}, or rename it")
    columns[name] = as_column(values)
    return name


def _standard(train: NDArray[np.generic]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean and the standard deviation of each channel or unit; 1 instead of 0."""
    others = (0, 2, 3) if train.ndim == 4 else tuple(range(train.ndim - 1))
    mean = train.mean(axis=others, keepdims=True, dtype=np.float64)
    deviation = train.std(axis=others, keepdims=True, dtype=np.float64)
    deviation[deviation == 0] = 1
    return mean, deviation
