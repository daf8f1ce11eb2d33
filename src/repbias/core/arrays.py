"""Checks of what measures take: representations `[stimulus, unit]` and class labels `[stimulus, feature]`.

NumPy arrays and torch tensors of any floating or integer type, on any device, become torch tensors, without a copy
where that is possible.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from repbias.core.frames import as_dense, shared_index
from repbias.core.specs import refuse_unknown

ArrayLike: TypeAlias = npt.ArrayLike | Tensor
FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

MAX_CLASSES = 65_536
LEAST_STIMULI_OF_RDM = 4
LEAST_PAIRS = LEAST_STIMULI_OF_RDM * (LEAST_STIMULI_OF_RDM - 1) // 2
SAME = 1e-3  # of the largest value: distances in single precision differ from 0 by that much on the diagonal
OF_RDM = "give the activity that it was computed from; repbias.compare_rdms compares an RDM with that of a feature"
RECODE = "recode the classes as 0, 1, 2, ... first, e.g. with np.unique(labels, return_inverse=True)[1]"


def as_representation(values: ArrayLike, what: str, *, first: int = 0, n_units: int | None = None) -> Tensor:
    """Return `values` as a finite tensor `[stimulus, unit]`; its dtype and its device stay as they are.

    `what` names the argument in errors; `first` is the running index of the first row, for batches; `n_units`, where
    given, is the number of units of earlier arrays.
    """
    tensor = _as_tensor(values, what)
    if tensor.is_complex():
        raise TypeError(f"{what} must hold real numbers, got {tensor.dtype}: measure real and imaginary parts as units")
    if tensor.ndim != 2:
        of_pairs = (
            tensor.ndim == 1
            and len(tensor) >= LEAST_PAIRS
            and math.isqrt(8 * len(tensor) + 1) ** 2 == 8 * len(tensor) + 1
        )
        advice = (
            f"if it is a condensed RDM, {OF_RDM}"
            if of_pairs
            else "average or flatten the axes beyond stimulus and unit first"
        )
        raise ValueError(f"{what} must be an array [stimulus, unit], got shape {tuple(tensor.shape)}: {advice}")
    if 0 in tensor.shape:
        raise ValueError(f"{what} has shape {tuple(tensor.shape)}: at least one stimulus and one unit are needed")
    if n_units is not None and tensor.shape[1] != n_units:
        raise ValueError(
            f"{what} has {tensor.shape[1]} units, the arrays before it {n_units}: "
            "all must be read from the same layer, units in the same order"
        )
    _refuse_nonfinite(tensor, what, first)
    return tensor


def refuse_rdm(tensor: Tensor, what: str) -> None:
    """Raise where a representation is a matrix of dissimilarities or similarities of stimuli.

    Such a matrix is square and symmetric, with a diagonal of zeros or of one other number.
    """
    n = len(tensor)
    if tensor.shape[1] != n or n < LEAST_STIMULI_OF_RDM:
        return
    values = as_float64(tensor)
    diagonal, size = values.diagonal(), float(np.abs(values).max())
    apart = values - np.diag(diagonal)
    if not apart.any() or np.ptp(diagonal) > SAME * size or not np.allclose(apart, apart.T, rtol=0, atol=SAME * size):
        return
    kind = "an RDM" if np.abs(diagonal).max() <= SAME * size else "a matrix of similarities"
    raise ValueError(f"{what} is {kind}, symmetric [stimulus, stimulus], and not activity [stimulus, unit]: {OF_RDM}")


def as_float64(values: Tensor) -> FloatArray:
    """Return a tensor as a float64 NumPy array, which may share its memory."""
    return values.detach().cpu().double().numpy()


def as_numpy(values: Tensor) -> npt.NDArray[Any]:
    """Return a tensor as a NumPy array of the same type of number; bfloat16, which NumPy lacks, as float32."""
    values = values.detach().cpu()
    return np.asarray((values.float() if values.dtype == torch.bfloat16 else values).numpy())


def about_mean(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return `values` `[stimulus, unit]` about their mean, and the mean; a constant unit is exactly 0.

    The first stimulus is taken off first, so that nothing is lost where the mean is large beside the spread.
    """
    shifted = values - values[0]
    mean = shifted.mean(0)
    return shifted - mean, values[0] + mean


def mapped_about(representation: ArrayLike, mean: FloatArray, *factors: FloatArray) -> Tensor:
    """Return `mean + (x - mean) @ factors[0] @ ...` for each stimulus x, computed in float64.

    The tensor `[stimulus, unit]` has the representation's precision (float64 for whole numbers) and device.
    """
    x = as_representation(representation, "representation", n_units=len(mean))
    found = x.double() - torch.from_numpy(mean).to(x.device)
    for factor in factors:
        found = found @ torch.from_numpy(factor).to(x.device)
    found = torch.from_numpy(mean).to(x.device) + found
    return found.to(x.dtype) if x.is_floating_point() else found


def as_labels(values: ArrayLike, representation: Tensor, what: str) -> Tensor:
    """Return `values` as class labels, int64 `[stimulus, feature]`, on the device of `representation`."""
    tensor = _as_tensor(values, what)
    if tensor.is_floating_point():
        whole = tensor == tensor.round()
        if not bool(whole.all()):
            row = int((~whole).nonzero()[0, 0])
            raise ValueError(
                f"{what} must be whole numbers (class labels), got {tensor[row].tolist()} at stimulus {row}: "
                "bin a continuous feature into classes first"
            )
    elif tensor.is_complex():
        raise TypeError(f"{what} must be whole numbers (class labels), got {tensor.dtype}: {RECODE}")
    if tensor.ndim == 1:
        tensor = tensor[:, None]
    if tensor.ndim != 2 or tensor.shape[1] == 0:
        raise ValueError(f"{what} must be [stimulus] or [stimulus, feature], got shape {tuple(tensor.shape)}")
    if len(tensor) != len(representation):
        raise ValueError(
            f"{what} must have one row for each of the {len(representation)} stimuli of the representation, "
            f"got {len(tensor)}: check that both come from the same stimuli, in the same order"
        )
    return tensor.to(device=representation.device, dtype=torch.int64)


def as_names(names: Sequence[str] | None, n_features: int) -> tuple[str, ...]:
    """Return the features' names, `feature_0`, `feature_1`, ... where none are given."""
    if names is None:
        return tuple(f"feature_{i}" for i in range(n_features))
    if isinstance(names, str):
        raise TypeError(f"names must be a sequence of names, got the text {names!r}: write [{names!r}]")
    if len(names) != n_features:
        raise ValueError(
            f"names must hold one name for each of the {n_features} features, got {len(names)}: {list(names)}"
        )
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise ValueError(f"names must differ from one another, got {repeated} more than once: rename the features")
    return tuple(names)


def as_labelled(
    representation: ArrayLike,
    labels: ArrayLike,
    names: Sequence[str] | None,
    *,
    what: str = "representation",
    n_units: int | None = None,
) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Return a representation, its class labels, which must be 0 or more, and the features' names."""
    shared_index({what: representation, "labels": labels})
    x = as_representation(representation, what, n_units=n_units)
    refuse_rdm(x, what)
    y = as_labels(labels, x, "labels")
    names = as_names(names, y.shape[1])
    refuse_negative(y, names, "labels")
    return x, y, names


def feature_index(feature: int | str, names: Sequence[str]) -> int:
    """Return a feature's place among the names."""
    if isinstance(feature, str):
        refuse_unknown(feature, names, "feature")
        return names.index(feature)
    if not 0 <= feature < len(names):
        raise ValueError(f"a feature must be a name or a number from 0 to {len(names) - 1}, got {feature!r}")
    return feature


def refuse_negative(labels: Tensor, names: Sequence[str], what: str) -> None:
    """Raise where a label is negative; -1 marks stimuli without a label (`tasks.task.UNLABELLED`)."""
    if bool(labels.amin() >= 0):
        return
    row, feature = (labels < 0).nonzero()[0].tolist()
    raise ValueError(
        f"{what} must be 0 or more, got {int(labels[row, feature])} for feature {names[feature]!r} at stimulus {row} "
        f"({int((labels < 0).any(1).sum())} stimuli have a negative label): "
        "-1 marks stimuli without a label; drop them from the representation and from the labels"
    )


def refuse_wrong_classes(labels: Tensor, n_classes: Sequence[int], names: Sequence[str], what: str) -> None:
    """Raise where a feature's labels are not between 0 and its number of classes less one."""
    if labels.shape[1] != len(n_classes):
        raise ValueError(
            f"{what} must hold {len(n_classes)} features ({', '.join(names)}), got {labels.shape[1]}: "
            "give every array the same features in the same order"
        )
    refuse_negative(labels, names, what)
    for name, most, n in zip(names, labels.amax(0).tolist(), n_classes, strict=True):
        if most >= n:
            raise ValueError(
                f"{what} must be below {n} for feature {name!r}, got {most}: every class must be among the stimuli of "
                "the fit, and be counted in n_classes where that is given"
            )


def class_numbers(labels: Tensor, names: Sequence[str], what: str) -> tuple[int, ...]:
    """Return the number of classes of each feature: its largest label + 1."""
    refuse_negative(labels, names, what)
    largest = labels.amax(0).tolist()
    for name, label in zip(names, largest, strict=True):
        if label >= MAX_CLASSES:
            raise ValueError(f"{what} must be below {MAX_CLASSES}, got {label} for feature {name!r}: {RECODE}")
    return tuple(label + 1 for label in largest)


def _as_tensor(values: ArrayLike, what: str) -> Tensor:
    array = as_dense(values, what)
    if isinstance(array, Tensor):
        return array
    if array.dtype.kind not in "buifc":
        raise TypeError(
            f"{what} must be an array of numbers, got dtype {array.dtype}; if they are class labels, {RECODE}"
        )
    if array.dtype.kind == "u":
        array = array.astype(np.int64)
    if not array.dtype.isnative or array.dtype.itemsize > 16 or array.dtype == np.longdouble:
        array = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    if any(stride < 0 for stride in array.strides):
        array = np.ascontiguousarray(array)
    if array.flags.writeable:
        return torch.from_numpy(array)
    with warnings.catch_warnings():  # torch warns that it could write into a read-only array; nothing here writes
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _refuse_nonfinite(tensor: Tensor, what: str, first: int) -> None:
    """Raise where a value is NaN or infinite. One sum shows whether every value must be checked."""
    if not tensor.is_floating_point():
        return
    if math.isfinite(tensor.sum(dtype=torch.float32 if tensor.itemsize < 4 else None).item()):
        return
    bad = ~torch.isfinite(tensor)
    if not bool(bad.any()):  # finite values whose sum overflows
        return
    row, unit = bad.nonzero()[0].tolist()
    raise ValueError(
        f"{what} must be finite, got {int(bad.sum())} values that are NaN or infinite, the first at stimulus "
        f"{first + row}, unit {unit}: find their cause, or drop the {int(bad.any(1).sum())} stimuli that contain them"
    )
