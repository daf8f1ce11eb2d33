"""Debiasing: a linear map of the units after which every feature explains the same variance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from torch import Tensor

from repbias.core.arrays import (
    ArrayLike,
    FloatArray,
    about_mean,
    as_float64,
    as_labelled,
    as_representation,
    class_numbers,
    mapped_about,
)
from repbias.core.frames import shared_index
from repbias.core.results import measures_table
from repbias.features.inference import Features, given_features
from repbias.features.values import Values, of_labels
from repbias.figures.drawings import Bars
from repbias.measures.result import MeasureResult
from repbias.measures.variance.explained import variance_explained
from repbias.measures.variance.regression import JointEncoding, fit_joint_encoding

MAX_GAIN = 10.0
NOISE_MULTIPLE = 5.0  # of the average of an unrelated feature: one in forty exceeds it, fewer in many dimensions
INDEPENDENT = 1e-6  # of the stacked unit-length directions: their smallest singular value


@dataclass(frozen=True, eq=False, repr=False)
class Equalized(MeasureResult):
    """A fixed linear map of a layer's units that gives every feature the same share of the variance.

    `plot` draws the share of the variance that each feature explains after the map, and before it.
    """

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    map: FloatArray
    """The map about the mean, `[unit, unit]`: a stimulus x becomes `mean + (x - mean) @ map`."""

    mean: FloatArray
    """Mean over the stimuli of the fit, `[unit]`; the map keeps it."""

    gain: FloatArray
    """By how much each feature's encoding directions are stretched, `[feature]`; below 1 where shrunk."""

    amplification: float
    """Largest factor by which the map stretches any direction, noise included. Above the largest gain where features'
    directions overlap."""

    variance_before: FloatArray
    """Variance of each feature's part of the representation on the stimuli of the fit, over all units, `[feature]`."""

    variance_after: float
    """The same for every feature after the map: the mean of `variance_before`."""

    r2_before: FloatArray
    """Pooled R2 of each feature, as in `variance_explained`, on the scored stimuli, `[feature]`."""

    r2_after: FloatArray
    """The same after the map, `[feature]`. Equal only as far as the fit holds on the scored stimuli."""

    def apply(self, representation: ArrayLike) -> Tensor:
        """Return the mapped representation of any stimuli of the same layer; no label is needed.

        A tensor `[stimulus, unit]` of the representation's precision (float64 for whole numbers), on its device.
        """
        return mapped_about(representation, self.mean, self.map)

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure and value.

        Measures: `gain`, `variance_before`, `r2_before`, `r2_after`.
        """
        measures = ("gain", "variance_before", "r2_before", "r2_after")
        return measures_table(self.names, {measure: getattr(self, measure) for measure in measures})

    def _drawing(self) -> Bars:
        label = "variance explained (R2) after the map"
        return Bars(self.names, self.r2_after, label, references={"before": self.r2_before})

    def _title(self) -> str:
        return f"Map of {len(self.mean)} units to equal variance of {len(self.names)} features"


def equalize(
    representation: ArrayLike,
    labels: Features,
    *,
    test_representation: ArrayLike | None = None,
    test_labels: Features | None = None,
    names: Sequence[str] | None = None,
    folds: int = 5,
    max_gain: float = MAX_GAIN,
) -> Equalized:
    """Find the linear map of the units after which every feature explains the same variance.

    With phi the representation about its mean m on the stimuli of the fit, and C_f feature f's centred one-hot code,

        fit       W_1, W_2, ... = argmin sum || sum_f C_f W_f - phi ||^2         all features together
        before    e_f = mean over stimuli of || C_f W_f ||^2
        gain      g_f = sqrt(mean over features of e / e_f)
        map       M = I + V^+ (G - I) V

    where the rows of V are orthonormal bases of each feature's span of class means (its encoding directions), stacked,
    V^+ is the pseudo-inverse, and G holds each row's gain. M stretches feature f's directions by g_f and leaves what
    is orthogonal to all of them as it is, so that W_f M = g_f W_f: on the stimuli of the fit every feature's part has
    a variance of exactly mean(e), the parts' total is kept, and so are the angles between classes of one feature.

    M is fixed once it is fitted, and `apply` takes no labels: it cannot put a feature into a representation that does
    not hold it, and as it can be inverted, what is linearly decodable before is so after. Noise along a feature's
    directions is stretched with it, so that the total variance may change, and the R2 of a weak feature's directions
    stays what their noise allows.

    Where features go together, their parts are those of the joint regression; `r2_before` and `r2_after`, each
    feature alone, then count shared variance more than once and need not come out equal.

    Parameters
    ----------
    representation : `[stimulus, unit]`, as in `variance_explained`, and so are the next five.
    labels : features of any kind, as in `variance_explained`; leave out the features that are not to be equalised.
    test_representation : `[stimulus, unit]`, other stimuli to score `r2_before` and `r2_after` on. Give both test
        arrays or neither; without them the same stimuli are scored, and the cross-validated `r2_after` is a little too
        equal, since the map has seen them all.
    test_labels : the same features of these stimuli, in the same form; used for `r2_before` and `r2_after` alone.
    names : the features' names.
    folds : number of cross-validation folds for the scores, where no test arrays are given.
    max_gain : the largest stretch of any direction that is accepted, 1 or more.

    Returns
    -------
    An `Equalized`; its `apply` maps any stimuli.

    Raises
    ------
    ValueError : as `variance_explained`; where e_f is no more than an unrelated feature's may be (five times the
        average of one: the variance that no feature explains, times (classes - 1) / stimuli), where features'
        directions are linearly dependent, and where the map would stretch a direction by more than `max_gain`: the
        result would be noise.
    TypeError : for arrays that do not hold numbers.

    When not to use it: to recover a feature that the representation barely holds. To remove a feature: that is erasure.

    Source: this project, a remedy for the biases of Lampinen, Chan & Hermann (2024), arXiv 2405.05847.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> found = repbias.equalize(x, labels)
    >>> found.r2_before.round(1).tolist(), found.r2_after.round(1).tolist()
    ([0.5, 0.1], [0.2, 0.2])
    """
    if not 1 <= max_gain < np.inf:
        raise ValueError(f"max_gain must be 1 or more, and finite, got {max_gain}")
    shared_index({"representation": representation, "labels": labels})
    shared_index({"test_representation": test_representation, "test_labels": test_labels})
    x = as_representation(representation, "representation")
    given = given_features(labels, None, names, len(x))
    if given.split is None:
        x, y, names = as_labelled(x, given.labels, given.names)
        features = of_labels(y.cpu().numpy(), class_numbers(y, names, "labels"))
    else:
        names, features = tuple(given.split[0]), list(given.split[0].values())
    scores: dict[str, Any] = {"test_labels": test_labels, "names": names, "folds": folds}
    before = variance_explained(x, labels, test_representation=test_representation, **scores)
    centred, mean = about_mean(as_float64(x))
    found = equalising_map(centred, features, names, max_gain)
    scored = None
    if test_representation is not None:
        scored = (as_float64(as_representation(test_representation, "test_representation")) - mean) @ found.map
    after = variance_explained(centred @ found.map, labels, test_representation=scored, **scores)
    return Equalized(
        names=names,
        map=found.map,
        mean=mean,
        gain=found.gain,
        amplification=found.amplification,
        variance_before=found.variance,
        variance_after=float(found.variance.mean()),
        r2_before=before.r2,
        r2_after=after.r2,
    )


class EqualisingMap(NamedTuple):
    """The map that `equalize` finds for a centred representation."""

    map: FloatArray
    """`[unit, unit]`."""
    gain: FloatArray
    """`[feature]`."""
    amplification: float
    variance: FloatArray
    """Of each feature's part before the map, `[feature]`."""


def equalising_map(
    centred: FloatArray, features: Sequence[Values], names: Sequence[str], max_gain: float = MAX_GAIN
) -> EqualisingMap:
    """Return the map that gives features of any kind equal variance, or raise where it would stretch noise.

    `centred` is the representation `[stimulus, unit]` about its mean; see `equalize`.
    """
    encoding = fit_joint_encoding(centred, features)
    variance = np.array([float((directions**2).sum()) for directions in encoding.directions()])
    _refuse_noise(variance, encoding, centred - encoding.centred(features) @ encoding.weights, names)
    gain = np.sqrt(variance.mean() / variance)
    matrix = _map(encoding, gain, names)
    amplification = float(np.linalg.norm(matrix, 2))
    _refuse_amplification(amplification, gain, names, max_gain)
    return EqualisingMap(matrix, gain, amplification, variance)


def _map(encoding: JointEncoding, gain: FloatArray, names: Sequence[str]) -> FloatArray:
    """Return `I + V^+ (G - I) V`, `[unit, unit]`."""
    bases = [_basis(directions) for directions in encoding.directions()]
    stacked = np.vstack(bases)
    spread = np.linalg.svd(stacked, compute_uv=False)
    if len(stacked) > stacked.shape[1] or spread[-1] < INDEPENDENT:
        raise ValueError(
            f"the encoding directions of {', '.join(names)} are linearly dependent ({len(stacked)} directions in "
            f"{stacked.shape[1]} units): no map can stretch one without another; leave out the feature that "
            "follows from others, or measure a layer with more units"
        )
    stretch = np.repeat(gain - 1, [len(basis) for basis in bases])
    return np.eye(stacked.shape[1]) + np.linalg.pinv(stacked) @ (stretch[:, None] * stacked)


def _basis(directions: FloatArray) -> FloatArray:
    """Return an orthonormal basis of the rows' span, `[direction, unit]`."""
    _, spread, axes = np.linalg.svd(directions, full_matrices=False)
    return axes[spread > INDEPENDENT * spread[0]]


def _refuse_noise(variance: FloatArray, encoding: JointEncoding, rest: FloatArray, names: Sequence[str]) -> None:
    """Raise where a feature's part is about as large as that of labels at random would be; `rest` is the residual."""
    n = len(rest)
    freedom = encoding.freedom()
    left = n - 1 - freedom.sum()
    if left < 1:
        raise ValueError(
            f"{n} stimuli are too few to tell the parts of {', '.join(names)} from noise: "
            f"use more than {int(freedom.sum()) + 1}, or leave out a feature"
        )
    noise = freedom * (rest**2).sum() / left / n
    for name, found, unrelated in zip(names, variance, noise, strict=True):
        if found <= NOISE_MULTIPLE * unrelated:
            raise ValueError(
                f"feature {name!r} has a part of variance {found:.2g} in the {n} stimuli of the fit, where an "
                f"unrelated feature has {unrelated:.2g} on average: stretching it would equalise noise; "
                "leave it out of labels and names, or add stimuli"
            )


def _refuse_amplification(amplification: float, gain: FloatArray, names: Sequence[str], max_gain: float) -> None:
    if amplification <= max_gain:
        return
    most = int(gain.argmax())
    cause = f"feature {names[most]!r} has a gain of {gain[most]:.3g}"
    if gain[most] <= max_gain:
        cause = f"the encoding directions of {', '.join(names)} overlap"
    raise ValueError(
        f"the map would stretch a direction, and the noise in it, {amplification:.3g} times, and max_gain is "
        f"{max_gain:g}: {cause}; leave a feature out of labels and names, or raise max_gain if that noise is small"
    )
