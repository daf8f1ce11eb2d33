"""The boolean functions that can be features, and the decorator that registers more.

    @boolean_function("multiplexer", inputs=3)
    def multiplexer(bits):                              # [stimulus, 3] uint8
        return np.where(bits[:, 0], bits[:, 1], bits[:, 2])

Afterwards `"multiplexer"` names a feature of a `BooleanTask`, as `"parity3"` does. Where the module has not been
imported, as in a study, use `"module:multiplexer"`, which imports it. A function that accepts several numbers of inputs
reads the number from `bits.shape[1]`, and raises `ValueError` for those that it does not accept.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from repbias.core.functions import resolve_function
from repbias.core.specs import did_you_mean

Bits = NDArray[np.uint8]
Function = Callable[[Bits], ArrayLike]

MAX_INPUTS = 16  # a truth table has 2**inputs rows and is computed in full


@dataclass(frozen=True)
class _Kind:
    function: Function
    inputs: int


_KINDS: dict[str, _Kind] = {}


def boolean_function(name: str, *, inputs: int) -> Callable[[Function], Function]:
    """Register a function of bits as a kind of feature; a decorator.

    Parameters
    ----------
    name : what the kind is called in specs, e.g. "multiplexer".
    inputs : how many bits it reads by default.

    The function maps bits `[stimulus, inputs]` (uint8) to 0/1 `[stimulus]`, row by row. The identity of a run includes
    its name, but not its code: give a changed function a new name.

    Raises
    ------
    ValueError : the name is taken by another function, or the output is not 0/1, or is constant.

    Examples
    --------
    >>> import repbias
    >>> @repbias.boolean_function("at_most_one", inputs=3)
    ... def at_most_one(bits):
    ...     return bits.sum(axis=1) <= 1
    >>> repbias.BooleanTask(features={"easy": "copy", "hard": "at_most_one"}).feature_names
    ('easy', 'hard')
    """

    def register(function: Function) -> Function:
        table = _evaluated(name, function, inputs)
        if name in _KINDS and not (_KINDS[name].inputs == inputs and np.array_equal(truth_table(name, inputs), table)):
            raise ValueError(f"a boolean function {name!r} is registered already and differs; give this one a new name")
        _KINDS.setdefault(name, _Kind(function, inputs))
        return function

    return register


def known_functions() -> tuple[str, ...]:
    """Return the names of all registered kinds."""
    return tuple(_KINDS)


def default_inputs(name: str) -> int:
    """Return how many bits the kind `name` reads by default.

    Raises
    ------
    ValueError : the kind is unknown, and cannot be imported.
    """
    return _kind(name).inputs


@functools.cache
def truth_table(name: str, inputs: int) -> Bits:
    """Return the value of a kind for each pattern of its bits, `[pattern]`, in the order of `patterns(inputs)`.

    Raises
    ------
    ValueError : the kind is unknown, does not accept this many inputs, or its values are not 0/1 or are constant.
    """
    table = _evaluated(name, _kind(name).function, inputs)
    table.flags.writeable = False
    return table


@functools.cache
def patterns(inputs: int) -> Bits:
    """Return every pattern of `inputs` bits, `[pattern, bit]`; bit i of pattern p is binary digit i of p."""
    rows = (np.arange(2**inputs)[:, None] >> np.arange(inputs) & 1).astype(np.uint8)
    rows.flags.writeable = False
    return rows


def _kind(name: str) -> _Kind:
    if name not in _KINDS and ":" in name:
        _KINDS[name] = _imported(name)
    if name not in _KINDS:
        raise ValueError(f"unknown boolean function {name!r}; {did_you_mean(name, _KINDS)}")
    return _KINDS[name]


def _imported(path: str) -> _Kind:
    function = resolve_function("boolean function", path)
    kind = next((kind for kind in _KINDS.values() if kind.function is function), None)
    if kind is None:
        raise ValueError(
            f"{path!r} is not a registered boolean function; write @repbias.boolean_function(name, inputs=...) above it"
        )
    return kind


def _evaluated(name: str, function: Function, inputs: int) -> Bits:
    if not 1 <= inputs <= MAX_INPUTS:
        raise ValueError(f"{name!r} can read 1 to {MAX_INPUTS} bits, got inputs={inputs}")
    values = np.asarray(function(patterns(inputs)))
    if values.shape != (2**inputs,):
        raise ValueError(
            f"{name!r} must map bits [stimulus, {inputs}] to one value per stimulus: expected shape {(2**inputs,)} "
            f"for all {2**inputs} patterns, got {values.shape}; reduce over axis 1"
        )
    others = np.setdiff1d(values, [0, 1])
    if others.size:
        raise ValueError(f"{name!r} must return 0 or 1 for every stimulus, got {others[0]} too")
    if np.all(values == values[0]):
        raise ValueError(
            f"{name!r} of {inputs} bits is {int(values[0])} for every pattern: a constant cannot be learned or balanced"
        )
    return values.astype(np.uint8)


def _require(name: str, accepted: bool, wanted: str, bits: Bits) -> None:
    if not accepted:
        raise ValueError(f"{name!r} reads {wanted}, got inputs={bits.shape[1]}")


@boolean_function("copy", inputs=1)
def _copy(bits: Bits) -> ArrayLike:
    _require("copy", bits.shape[1] == 1, "exactly 1 bit", bits)
    return bits[:, 0]


@boolean_function("and", inputs=2)
def _and(bits: Bits) -> ArrayLike:
    _require("and", bits.shape[1] >= 2, "2 bits or more", bits)
    return bits.all(axis=1)


@boolean_function("or", inputs=2)
def _or(bits: Bits) -> ArrayLike:
    _require("or", bits.shape[1] >= 2, "2 bits or more", bits)
    return bits.any(axis=1)


@boolean_function("xor", inputs=2)
def _xor(bits: Bits) -> ArrayLike:
    _require("xor", bits.shape[1] == 2, "exactly 2 bits ('parity' reads more)", bits)
    return bits[:, 0] ^ bits[:, 1]


@boolean_function("parity", inputs=3)
def _parity(bits: Bits) -> ArrayLike:
    _require("parity", bits.shape[1] >= 2, "2 bits or more", bits)
    return bits.sum(axis=1) % 2


@boolean_function("threshold", inputs=3)
def _threshold(bits: Bits) -> ArrayLike:
    _require("threshold", bits.shape[1] % 2 == 1 and bits.shape[1] >= 3, "an odd number of bits, 3 or more", bits)
    return bits.sum(axis=1) > bits.shape[1] / 2


@boolean_function("xor_of_ands", inputs=4)
def _xor_of_ands(bits: Bits) -> ArrayLike:
    _require("xor_of_ands", bits.shape[1] % 2 == 0 and bits.shape[1] >= 4, "an even number of bits, 4 or more", bits)
    return (bits[:, 0::2] & bits[:, 1::2]).sum(axis=1) % 2


@dataclass(frozen=True)
class TruthTableComplexity:
    """Measures of a boolean function over all patterns of its bits, all equally likely.

    Attributes
    ----------
    degree : the largest number of bits in a parity with a coefficient that is not zero; 1 to k.
    average_sensitivity : the number of bits whose flip changes the value, on average over patterns; 0 to k.
    spectral_weights : `[degree]` from 0 to k, the share of the function (-1 / +1) in parities of that many bits; they
        sum to 1.
    """

    degree: int
    average_sensitivity: float
    spectral_weights: tuple[float, ...]


def truth_table_complexity(function: str, inputs: int) -> TruthTableComplexity:
    """Measure a registered kind of boolean function of `inputs` bits.

    With f the function in -1 / +1 and chi_S the parity of the bits in S, the coefficients are c_S = E[f chi_S] over
    all patterns, the weight of degree d is the sum of c_S**2 over sets of d bits, the degree is the largest d whose
    weight is not 0, and the average sensitivity is the sum of d times the weight of d.

    It does not describe the stimuli of a task, where features are exactly balanced, so that the patterns of an AND are
    not equally likely.

    Raises
    ------
    ValueError : the kind is unknown, or does not accept this many inputs.
    """
    values = 1 - 2 * truth_table(function, inputs).astype(np.int64)
    sums = _walsh_hadamard(values)
    size = len(values)
    degrees = patterns(inputs).sum(axis=1)
    # Sums of +-1 are whole numbers, so that no coefficient differs from zero by rounding.
    squares = np.bincount(degrees, weights=sums**2, minlength=inputs + 1)
    weights = squares / size**2
    return TruthTableComplexity(
        degree=int(np.flatnonzero(squares).max()),
        average_sensitivity=float(np.arange(inputs + 1) @ weights),
        spectral_weights=tuple(float(weight) for weight in weights),
    )


def _walsh_hadamard(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum of `values` times each parity, `[set of bits]`, sets coded as patterns are."""
    sums = values.copy()
    half = 1
    while half < len(sums):
        pairs = sums.reshape(-1, 2, half)
        sums = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1).reshape(-1)
        half *= 2
    return sums
