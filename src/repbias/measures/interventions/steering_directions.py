"""Directions along which a feature is steered: the difference of class means, and a linear probe's weights."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from repbias.core.arrays import ArrayLike, FloatArray, as_labels, as_representation
from repbias.core.frames import shared_index


def difference_vector(representation: ArrayLike, labels: ArrayLike, *, classes: tuple[int, int] = (0, 1)) -> FloatArray:
    """Return the mean of one class less the mean of another: the vector that is most often used for steering.

        v = mean of phi over stimuli of class `classes[1]`  -  mean of phi over stimuli of class `classes[0]`

    Parameters
    ----------
    representation : `[stimulus, unit]`, NumPy or torch, any precision, any device.
    labels : class labels of one feature, `[stimulus]`.
    classes : from which class to which.

    Returns
    -------
    The vector `[unit]`, in the units of the representation. Its length says how far apart the classes lie on average.

    Raises
    ------
    ValueError : a class without stimuli, more than one feature, or arrays that do not fit together.
    TypeError : arrays that do not hold numbers.

    When not to use it: where features are correlated over the stimuli, the vector also points along the others. It is
    zero in expectation for a feature that is carried by the spread of its classes and not by their means.

    Source: Turner et al. (2023), arXiv 2308.10248; Rimsky et al. (2023), arXiv 2312.06681.

    Examples
    --------
    >>> import repbias
    >>> repbias.difference_vector([[0.0, 1.0], [4.0, 1.0]], [0, 1]).tolist()
    [4.0, 0.0]
    """
    first, second = _class_arrays(representation, labels, classes)
    return np.asarray(second.mean(0) - first.mean(0))


def probe_direction(
    representation: ArrayLike, labels: ArrayLike, *, classes: tuple[int, int] = (0, 1), inverse_penalty: float = 1.0
) -> FloatArray:
    """Return the unit vector along which a logistic regression tells one class from another.

    The weights w of the regression that minimises

        || w ||^2 / 2  +  C sum_i log(1 + exp(-y_i (w . z_i + b)))        y_i = +1 for `classes[1]`, -1 for `classes[0]`

    with z the representation about its mean, over the root of the mean variance of its units, so that neither a
    rotation of the units nor the representation's scale changes what is found; returned as w / || w ||.

    Parameters
    ----------
    representation : `[stimulus, unit]`, NumPy or torch, any precision, any device.
    labels : class labels of one feature, `[stimulus]`.
    classes : from which class to which.
    inverse_penalty : C above, more than 0; larger means less regularised.

    Returns
    -------
    The direction `[unit]`, of length 1, pointing towards `classes[1]`.

    Raises
    ------
    ValueError : a class without stimuli, classes with the same mean (there is no direction), more than one feature,
        arrays that do not fit together, or a penalty that is not positive.
    TypeError : arrays that do not hold numbers.

    When not to use it: to find what the network itself uses. A probe's weights also cancel noise that is correlated
    with the feature's direction, so they may point away from the difference of the means.

    Source: Alain & Bengio (2016), arXiv 1610.01644; scikit-learn's `LogisticRegression`.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> repbias.probe_direction(x, labels[:, 0]).round(1).tolist()
    [1.0, 0.1]
    """
    if not inverse_penalty > 0:
        raise ValueError(f"inverse_penalty must be more than 0, got {inverse_penalty}")
    first, second = _class_arrays(representation, labels, classes)
    phi, label = np.concatenate([first, second]), np.repeat([0, 1], [len(first), len(second)])
    centred = phi - phi.mean(0)
    scale = np.sqrt((centred**2).mean())
    if scale > 0:
        probe = LogisticRegression(C=inverse_penalty, tol=1e-8, max_iter=10_000).fit(centred / scale, label)
        weights = probe.coef_[0]
        if (length := float(np.linalg.norm(weights))) > 1e-12:
            return np.asarray(weights / length)
    raise ValueError(
        f"a probe needs classes {classes[0]} and {classes[1]} to differ, and their means are the same: "
        "read another layer, or stimuli in which the feature shows"
    )


def class_masks(labels: Tensor, classes: tuple[int, int], what: str = "labels") -> tuple[Tensor, Tensor]:
    """Return which stimuli are of the first and which of the second class, bool `[stimulus]` each.

    `labels` are those of one feature, as `as_labels` gives them, `[stimulus, 1]`.
    """
    if labels.shape[1] != 1:
        raise ValueError(
            f"{what} must be those of one feature, [stimulus], got {labels.shape[1]} features: give {what}[:, k] for "
            "feature k"
        )
    if len(classes) != 2 or classes[0] == classes[1]:
        raise ValueError(f"classes must be two different classes, from which to which, got {classes}")
    masks = labels[:, 0] == classes[0], labels[:, 0] == classes[1]
    for number, mask in zip(classes, masks, strict=True):
        if not bool(mask.any()):
            raise ValueError(
                f"{what} must hold stimuli of class {number}, got none among {len(labels)} (there are "
                f"{labels.unique().tolist()[:10]}): give stimuli of both classes, or other classes"
            )
    return masks


def _class_arrays(
    representation: ArrayLike, labels: ArrayLike, classes: tuple[int, int]
) -> tuple[FloatArray, FloatArray]:
    """Return the stimuli of each of two classes, float64 `[stimulus, unit]`."""
    shared_index({"representation": representation, "labels": labels})
    phi = as_representation(representation, "representation")
    first, second = class_masks(as_labels(labels, phi, "labels"), classes)
    return phi[first].double().cpu().numpy(), phi[second].double().cpu().numpy()
