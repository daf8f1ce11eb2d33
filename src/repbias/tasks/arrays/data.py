"""A user's stimuli and labels as checked arrays, and the digest of their content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from repbias.core.arrays import IntArray, as_numpy
from repbias.core.specs import refuse_unknown
from repbias.features.labels import Labels, as_classes, is_missing
from repbias.tasks.task import SPLITS

Axes: TypeAlias = Literal["unit", "channel row column", "row column channel", "row column", "step unit"]
Columns: TypeAlias = Mapping[str, NDArray[np.generic]]
LEFT_OUT = -1  # the split of a stimulus that is in none
_CHANNELS = (1, 3, 4)  # grey, colour, colour with opacity
_SEVERAL = {3: ("row column", "step unit"), 4: ("channel row column", "row column channel")}


@dataclass(frozen=True, eq=False)
class Arrays:
    """Stimuli and the labels of every feature.

    Attributes
    ----------
    inputs : `[stimulus, ...]`, uint8 or float32; pictures are `[stimulus, channel, row, column]`.
    features : the labels by name, in order.
    groups : what is kept in one split, as numbers `[stimulus]`; None where each stimulus is one.
    split : 0, 1 or 2 for training, validation and test, -1 for none, `[stimulus]`; None where splits are drawn.
    fingerprint : the digest of all of these.
    """

    inputs: NDArray[np.generic]
    features: dict[str, Labels]
    groups: IntArray | None
    split: IntArray | None
    fingerprint: str

    @property
    def labels(self) -> IntArray:
        """The class of each feature, `[stimulus, feature]`."""
        return np.stack([feature.numbers for feature in self.features.values()], axis=1)


def checked_arrays(
    inputs: Any,
    columns: Columns,
    *,
    features: tuple[str, ...],
    groups: str | None,
    split: str | None,
    axes: Axes | None,
) -> Arrays:
    """Check stimuli and columns, and return them as `Arrays`.

    Parameters
    ----------
    columns : labels, groups and split by name, each `[stimulus]`. features, groups, split : names of columns.

    Raises
    ------
    ValueError : labels of another length, a feature of one class, NaN or infinite inputs, axes that could be either of
        two kinds, a missing label, or a split that is not one of the three.
    """
    stimuli = as_stimuli(inputs, axes)
    for name in (*features, *(name for name in (groups, split) if name is not None)):
        refuse_unknown(name, columns, "column of labels")
        if columns[name].shape != (len(stimuli),):
            raise ValueError(
                f"labels of {name!r} must be [stimulus] = ({len(stimuli)},), one per stimulus of the inputs, got shape "
                f"{columns[name].shape}: check that both come from the same stimuli, in the same order"
            )
    labels = {name: _feature(columns[name], name) for name in features}
    clusters = None if groups is None else as_classes(_complete(columns[groups], f"groups {groups!r}"), groups).numbers
    parts = None if split is None else _split_numbers(columns[split], split)
    return Arrays(stimuli, labels, clusters, parts, _digest(stimuli, labels, clusters, parts))


def as_stimuli(inputs: Any, axes: Axes | None) -> NDArray[np.generic]:
    """Return finite stimuli `[stimulus, ...]`, uint8 or float32, the channels of pictures before rows and columns."""
    array = as_numpy(inputs) if isinstance(inputs, Tensor) else np.asarray(inputs)
    if array.dtype.kind not in "buif":
        raise ValueError(f"inputs must be an array of real numbers, got dtype {array.dtype}: convert it to float32")
    if not array.size:
        raise ValueError(f"inputs must hold at least one stimulus, got shape {array.shape}")
    if array.dtype != np.uint8:
        with np.errstate(over="ignore"):  # a number beyond float32 becomes infinite, and is refused
            array = array.astype(np.float32)
        if not (finite := np.isfinite(array)).all():
            first = int(np.flatnonzero(~finite.reshape(len(array), -1).all(axis=1))[0])
            raise ValueError(
                f"inputs must be finite in float32, got {(~finite).sum()} values that are NaN or infinite, the first "
                f"at stimulus {first}: correct or drop such stimuli"
            )
    return np.ascontiguousarray(_channels_first(array, axes or _known_axes(array.shape)))


def _known_axes(shape: tuple[int, ...]) -> Axes:
    if len(shape) == 2:
        return "unit"
    if len(shape) == 4 and (shape[1] in _CHANNELS) != (shape[3] in _CHANNELS):
        return "channel row column" if shape[1] in _CHANNELS else "row column channel"
    if len(shape) not in _SEVERAL:
        raise ValueError(
            f"inputs must be [stimulus, unit], [stimulus, row, column], [stimulus, step, unit], or pictures with a "
            f"channel axis, got shape {shape}: flatten or add axes"
        )
    either = " or ".join(f"axes={axes!r}" for axes in _SEVERAL[len(shape)])
    raise ValueError(f"the axes of inputs of shape {shape} could be of two kinds: say which with {either}")


def _channels_first(array: NDArray[np.generic], axes: Axes) -> NDArray[np.generic]:
    if array.ndim != 1 + len(axes.split()):
        raise ValueError(f"axes={axes!r} are {len(axes.split())} axes after that of the stimuli, got {array.shape}")
    if axes == "row column":
        return array[:, None]
    return np.moveaxis(array, 3, 1) if axes == "row column channel" else array


def as_columns(labels: Any) -> dict[str, NDArray[np.generic]]:
    """Return labels by name, from a mapping or a table with named columns, as arrays."""
    if not isinstance(labels, Mapping | pd.DataFrame):
        raise TypeError(
            f"labels must be a mapping of names to arrays, or a DataFrame, got {type(labels).__name__}: "
            'write {"shape": shape, "colour": colour}'
        )
    return {str(name): as_column(values) for name, values in labels.items()}


def as_column(values: Any) -> NDArray[np.generic]:
    """Return one column as an array, `[stimulus]`."""
    return as_numpy(values) if isinstance(values, Tensor) else np.asarray(values)


def indices_as_column(split: Mapping[str, Any], n: int) -> NDArray[np.str_]:
    """Return the name of each stimulus's split, `[stimulus]`, from the indices of each split; "" where it has none."""
    for name in split:
        refuse_unknown(name, SPLITS, "split")
    column = np.full(n, "", dtype="<U10")
    for name in SPLITS:
        chosen = np.asarray(split.get(name, ()), dtype=np.int64)
        if len(chosen) and not (chosen.min() >= 0 and chosen.max() < n):
            raise ValueError(f"indices of split {name!r} must be 0 to {n - 1}, got {chosen.min()} to {chosen.max()}")
        if (column[chosen] != "").any() or len(np.unique(chosen)) < len(chosen):
            raise ValueError(f"split {name!r} holds a stimulus twice, or one of another split: name each index once")
        column[chosen] = name
    return column


def _complete(column: NDArray[np.generic], what: str) -> pd.Series[Any]:
    series = pd.Series(column)
    if (missing := is_missing(series)).any():
        raise ValueError(
            f"{what} has no label for {missing.sum()} stimuli, the first is {int(missing.argmax())}: drop them"
        )
    return series


def _feature(column: NDArray[np.generic], name: str) -> Labels:
    labels = as_classes(_complete(column, f"feature {name!r}"), f"feature {name!r}")
    if len(labels.classes) < 2:
        raise ValueError(
            f"feature {name!r} has one class, {labels.classes[0]!r}, for all stimuli: a feature needs two or more; "
            "leave it out"
        )
    return labels


def _split_numbers(column: NDArray[np.generic], name: str) -> IntArray:
    known = {split: number for number, split in enumerate(SPLITS)} | {"": LEFT_OUT}
    if wrong := sorted({str(value) for value in column} - set(known)):
        raise ValueError(
            f"column {name!r} must hold 'train', 'validation', 'test', or '' for stimuli that are left out; "
            f"got {wrong[0]!r}"
        )
    return np.array([known[str(value)] for value in column], dtype=np.int64)


def _digest(
    stimuli: NDArray[np.generic], labels: Mapping[str, Labels], groups: IntArray | None, split: IntArray | None
) -> str:
    found = hashlib.sha256(f"{stimuli.dtype.str} {stimuli.shape}".encode())
    found.update(stimuli.data)
    for name, label in labels.items():
        found.update(repr((name, label.classes)).encode())
        found.update(label.numbers.tobytes())
    for what, numbers in (("groups", groups), ("split", split)):
        if numbers is not None:
            found.update(what.encode() + numbers.tobytes())
    return found.hexdigest()[:32]
