"""The inputs of a model, batch by batch: arrays, mappings of arrays, lists of batches, or a `DataLoader`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from repbias.activations.layers import unwrapped
from repbias.activations.loaders import refuse_other_order, same_inputs
from repbias.core.arrays import ArrayLike

MASK = "attention_mask"
FIRST_OF_TUPLE = "Batches that are tuples: the first part is the model's input, what follows it is left out."
MASK_OF_INPUTS = "Padding is taken from the inputs' 'attention_mask'."


@dataclass(frozen=True, eq=False)
class Batch:
    """Stimuli of one forward pass, on the model's device."""

    inputs: Any
    """The model's only argument, or its arguments by name."""

    mask: Tensor | None
    """Which tokens are not padding, Boolean `[stimulus, token]`."""

    rows: slice
    """The indices of its stimuli among those of all batches."""

    by_name: bool = False
    """Whether `inputs` are arguments by name."""

    def __len__(self) -> int:
        return self.rows.stop - self.rows.start

    @property
    def mask_width(self) -> int | None:
        """The number of tokens of the mask, where there is one."""
        return None if self.mask is None else self.mask.shape[1]

    def run(self, model: nn.Module) -> Any:
        """Return what the model returns."""
        model = unwrapped(model)
        return model(**self.inputs) if self.by_name else model(self.inputs)

    def take(self, stimuli: Tensor) -> Batch:
        """Return a batch of some of its stimuli, given by their indices in it, which may repeat."""

        def taken(value: Any) -> Any:
            return value[stimuli.to(value.device)] if _has_rows(value) and len(value) == len(self) else value

        inputs = {k: taken(v) for k, v in self.inputs.items()} if isinstance(self.inputs, dict) else taken(self.inputs)
        first = self.rows.start
        return Batch(inputs, taken(self.mask), slice(first, first + len(stimuli)), self.by_name)


class Batches:
    """The inputs of a model, which can be read more than once, always in the same order.

    Parameters
    ----------
    inputs : a tensor or array `[stimulus, ...]`; a mapping, such as a Hugging Face tokenizer returns, whose arrays
        `[stimulus, ...]` are arguments by name and whose other values go to every batch as they are; or a list or
        `DataLoader` (not shuffled) of batches, each of them a tensor, an array, a mapping, or a tuple whose first part
        is the input. Floating-point numbers are converted to the type of the model's parameters; tensors keep theirs
        where parameters have several types. A mapping is one argument for a model that takes no such names.
    model : the model, whose parameters determine on which device batches are run.
    batch_size : stimuli in one forward pass, where `inputs` are not in batches already.
    device : where batches are run, for models without parameters or on several devices.
    attention_mask : `[stimulus, token]`, 0 at padding; by default the inputs' argument of that name.

    Raises
    ------
    ValueError : no stimuli, arrays of different lengths, a batch size below 1, a loader that does not give all items
        in order, a mask without a token, a device on which the model is not. TypeError : inputs of another kind.
    """

    def __init__(
        self,
        inputs: Any,
        model: nn.Module,
        *,
        batch_size: int = 256,
        device: str | torch.device | None = None,
        attention_mask: ArrayLike | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"the batch size must be 1 or more, got {batch_size}")
        _refuse_unreadable(inputs)
        self._inputs, self._batch_size, self._model = inputs, batch_size, model
        self._device, self._dtypes = _device(model, device), _float_types(model)
        self._mask = None if attention_mask is None else as_mask(attention_mask)
        self.mask_given = attention_mask is not None
        """Whether the mask was given apart from the inputs."""
        self.n_stimuli = _count(inputs)
        """Number of stimuli; None if only reading the batches shows it."""
        if self.n_stimuli == 0:
            raise ValueError("inputs must hold at least one stimulus, got none")
        if self._mask is not None and self.n_stimuli not in (None, len(self._mask)):
            raise ValueError(
                f"attention_mask must have a row for each of the {self.n_stimuli} stimuli, got {len(self._mask)}"
            )
        self.notes: tuple[str, ...] = ()
        """How inputs and padding were treated, in words."""
        if self.n_stimuli is None:
            self._refuse_changing()

    def __iter__(self) -> Iterator[Batch]:
        first = 0
        for raw in self._raw():
            batch = self._batch(raw, first)
            first = batch.rows.stop
            yield batch
        if first == 0:
            raise ValueError("inputs must hold at least one batch, got none")

    def _refuse_changing(self) -> None:
        """Raise where the first batch is another when it is read again."""
        one, other = (next(iter(self)).inputs for _ in range(2))
        if not same_inputs(one, other):
            raise ValueError(
                "inputs gives another first batch when it is read again: its order or its values are drawn at random, "
                "and labels could not be matched; turn shuffling and augmentation off, or give a list of batches"
            )

    @property
    def has_mask(self) -> bool:
        """Whether a batch had a mask so far."""
        return self.mask_given or MASK_OF_INPUTS in self.notes

    def count(self) -> int:
        """Return the number of stimuli, by reading the batches if only that shows it."""
        return sum(map(len, self)) if self.n_stimuli is None else self.n_stimuli

    def _raw(self) -> Iterable[Any]:
        if isinstance(self._inputs, Tensor | np.ndarray):
            return (self._inputs[i : i + self._batch_size] for i in range(0, len(self._inputs), self._batch_size))
        if isinstance(self._inputs, Mapping):
            return (
                {k: v[i : i + self._batch_size] if _has_rows(v) else v for k, v in self._inputs.items()}
                for i in range(0, _length(self._inputs), self._batch_size)
            )
        return iter(self._inputs)

    def _batch(self, raw: Any, first: int) -> Batch:
        if isinstance(raw, tuple | list) and len(raw):
            raw = raw[0]
            self._note(FIRST_OF_TUPLE)
        if not isinstance(raw, Tensor | np.ndarray | Mapping):
            raise TypeError(
                f"a batch must be a tensor, an array or a mapping of them, got {type(raw).__name__}: turn text into "
                "tokens first, and give several inputs by name, {'argument': tensor}"
            )
        rows = slice(first, first + _length(raw))
        inputs = {k: self._placed(v) for k, v in raw.items()} if isinstance(raw, Mapping) else self._placed(raw)
        by_name = isinstance(raw, Mapping) and _takes_names(self._model, raw)
        if self._mask is not None:
            if len(self._mask) < rows.stop:
                raise ValueError(
                    f"attention_mask has {len(self._mask)} rows, and there are more stimuli: give one each"
                )
            return Batch(inputs, self._mask[rows].to(self._device), rows, by_name)
        own = inputs.get(MASK) if isinstance(inputs, dict) else None
        if not isinstance(own, Tensor) or own.ndim != 2:
            return Batch(inputs, None, rows, by_name)
        self._note(MASK_OF_INPUTS)
        return Batch(inputs, as_mask(own, first), rows, by_name)

    def _placed(self, value: Any) -> Any:
        """Return an array as a tensor on the device of the model; other values stay as they are."""
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in "buif":
                raise TypeError(f"inputs must hold numbers, got an array of {value.dtype}: turn text into tokens first")
            # Copied, because torch refuses negative strides and read-only memory.
            value = torch.from_numpy(np.array(value))
            value = value.to(self._dtypes[0]) if value.is_floating_point() else value
        if not isinstance(value, Tensor):
            return value
        return value.to(self._device, self._dtypes[0] if value.is_floating_point() and len(self._dtypes) == 1 else None)

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes += (note,)


def _refuse_unreadable(inputs: Any) -> None:
    if isinstance(inputs, tuple):
        raise TypeError(
            "inputs is a tuple, which may be batches or arguments: give a list of batches, or arguments by name, "
            "{'argument': tensor}"
        )
    if isinstance(inputs, str | bytes) or not isinstance(inputs, Iterable):
        raise TypeError(f"inputs must be arrays, batches or a DataLoader, got {type(inputs).__name__}")
    if isinstance(inputs, Iterator):
        raise TypeError("inputs can be read only once, and are needed twice: give a list or a DataLoader")
    if isinstance(inputs, DataLoader):
        refuse_other_order(inputs)
    if hasattr(inputs, "to_numpy") or (hasattr(inputs, "dims") and hasattr(inputs, "coords")):
        raise TypeError(
            f"inputs is a {type(inputs).__name__}, which would be read column by column: give a tensor of its numbers, "
            "torch.tensor(inputs.to_numpy()), with the stimuli in the order of the features"
        )
    if isinstance(inputs, Tensor | np.ndarray) and inputs.ndim == 0:
        raise ValueError("inputs must be [stimulus, ...], got a single number")
    if isinstance(inputs, Mapping) and len(lengths := {k: len(v) for k, v in inputs.items() if _has_rows(v)}) > 0:
        _length(inputs)
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"inputs must have one row per stimulus in every array, got {lengths} rows: to pass something to every "
                "batch as it is, give a list of batches"
            )


def _count(inputs: Any) -> int | None:
    """Return the number of stimuli; None if it is not known before the batches are read."""
    if isinstance(inputs, Tensor | np.ndarray | Mapping):
        return _length(inputs)
    if isinstance(inputs, list):
        parts = [part[0] if isinstance(part, tuple | list) and len(part) else part for part in inputs]
        known = all(isinstance(part, Tensor | np.ndarray | Mapping) for part in parts)
        return sum(map(_length, parts)) if known else None
    return None


def _length(value: Tensor | np.ndarray[Any, Any] | Mapping[str, Any]) -> int:
    """Return the number of stimuli of an array, or of the first array of a mapping."""
    if not isinstance(value, Mapping):
        return len(value)
    arrays = [part for part in value.values() if _has_rows(part)]
    if not arrays:
        raise TypeError(
            f"a mapping of inputs must hold an array [stimulus, ...], got {', '.join(map(str, value))}: of a "
            'tokenizer, request padding=True, return_tensors="pt"'
        )
    return len(arrays[0])


def _has_rows(value: Any) -> bool:
    return isinstance(value, Tensor | np.ndarray) and value.ndim > 0


def as_mask(values: ArrayLike, first: int = 0) -> Tensor:
    """Return a mask `[stimulus, token]` as Boolean, or raise where a stimulus has no token; `first` is its index."""
    mask = torch.as_tensor(np.asarray(values) if not isinstance(values, Tensor) else values)
    if mask.ndim != 2:
        raise ValueError(f"attention_mask must be [stimulus, token], got shape {tuple(mask.shape)}")
    mask = mask != 0
    if not bool((kept := mask.any(1)).all()):
        empty = first + int((~kept).nonzero()[0, 0])
        raise ValueError(f"attention_mask must leave each stimulus a token, got none at stimulus {empty}: drop it")
    return mask


def _takes_names(model: nn.Module, inputs: Mapping[str, Any]) -> bool:
    """Return whether a model takes a mapping as arguments by name, rather than as one argument."""
    try:
        signature = inspect.signature(unwrapped(model).forward)
    except (TypeError, ValueError):  # of a builtin
        return True
    if _fits(signature, **inputs):
        return True
    if _fits(signature, inputs):
        return False
    raise TypeError(
        f"the inputs are arguments by name, {', '.join(map(str, inputs))}, and the model's forward takes {signature}: "
        "use its names, or wrap the model in a module that does"
    )


def _fits(signature: inspect.Signature, /, *args: Any, **kwargs: Any) -> bool:
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _device(model: nn.Module, device: str | torch.device | None) -> torch.device:
    places = {parameter.device: None for parameter in model.parameters() if parameter.device.type != "meta"}
    if device is None:
        return next(iter(places), torch.device("cpu"))
    wanted = torch.device(device)
    if places and all(place.type != wanted.type for place in places):
        raise ValueError(
            f"device is {wanted}, the model is on {', '.join(map(str, places))}: move it first, "
            f"model.to({str(wanted)!r})"
        )
    return wanted


def _float_types(model: nn.Module) -> tuple[torch.dtype, ...]:
    """Return the floating-point types of the parameters of a model; without parameters, float32 and float64."""
    types = {parameter.dtype: None for parameter in model.parameters() if parameter.is_floating_point()}
    return tuple(types) or (torch.float32, torch.float64)
