"""Four linear classifiers in one form and with one scale of regularisation, and the stimuli that they are scored on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.svm import LinearSVC

from repbias.core.arrays import (
    ArrayLike,
    FloatArray,
    IntArray,
    as_float64,
    as_labelled,
    as_labels,
    as_representation,
    class_numbers,
    refuse_wrong_classes,
)
from repbias.core.display import Displayed
from repbias.core.frames import shared_index
from repbias.core.specs import refuse_unknown


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Fit stimuli and test stimuli of the same layer and the same features, as NumPy arrays.

    x, test_x: representations, float64 `[stimulus, unit]`.
    y, test_y: class labels, `[stimulus, feature]`.
    names: the features' names, `[feature]`.
    n_classes: classes of each feature, `[feature]`.
    """

    x: FloatArray
    y: IntArray
    test_x: FloatArray
    test_y: IntArray
    names: tuple[str, ...]
    n_classes: tuple[int, ...]

    @property
    def chance(self) -> FloatArray:
        """Accuracy of always predicting the fit stimuli's most frequent class, `[feature]`."""
        most_frequent = np.array([np.bincount(y).argmax() for y in self.y.T])
        return np.asarray((self.test_y == most_frequent).mean(0))


def held_out(
    representation: ArrayLike,
    labels: ArrayLike,
    test_representation: ArrayLike,
    test_labels: ArrayLike,
    names: Sequence[str] | None,
    *,
    what: str = "representation",
) -> HeldOut:
    """Return the four arrays, checked; `what` is what errors call the representation."""
    x, y, names = as_labelled(representation, labels, names, what=what)
    shared_index({f"test_{what}": test_representation, "test_labels": test_labels})
    n_classes = class_numbers(y, names, "labels")
    test_x = as_representation(test_representation, f"test_{what}", n_units=x.shape[1])
    test_y = as_labels(test_labels, test_x, "test_labels")
    refuse_wrong_classes(test_y, n_classes, names, "test_labels")
    found = HeldOut(as_float64(x), y.cpu().numpy(), as_float64(test_x), test_y.cpu().numpy(), names, n_classes)
    for name, fitted, scored in zip(names, found.y.T, found.test_y.T, strict=True):
        if len(np.unique(fitted)) < 2:
            raise ValueError(
                f"labels must hold two classes or more of every feature, got only class {fitted[0]} for feature "
                f"{name!r}: there is nothing to tell apart, drop the feature or add stimuli"
            )
        if len(missing := np.setdiff1d(scored, fitted)):
            raise ValueError(
                f"test_labels must hold only classes that are among the fit labels, got class {missing[0]} of feature "
                f"{name!r}, which is not: split the stimuli so that every class is in both sets"
            )
    return found


def refuse_more_than_two_classes(data: HeldOut, what: str) -> None:
    """Raise where a feature has more than two classes; `what` is what is for features of two classes only."""
    for name, n in zip(data.names, data.n_classes, strict=True):
        if n > 2:
            raise ValueError(
                f"{what} is for features of two classes, 0 and 1, got {n} classes for feature {name!r}: "
                "give one 0/1 column for each class instead"
            )


CLASSIFIERS = ("logistic", "ridge", "svm", "nearest_mean")
SCALINGS = ("none", "overall", "unit")
REGULARIZATION = 1e-3
LEAST_PENALTY = 1e-6


@dataclass(frozen=True, eq=False, repr=False)
class LinearClassifier(Displayed):
    """A fitted linear classifier: score = weights (phi - centre) + intercept, and the class with the largest score.

    Axes and scale are those of the representation, whatever the scaling of the fit.
    """

    classes: IntArray
    """The class labels, `[class]`."""

    weights: FloatArray
    """Weights `[class, unit]`; with two classes, each row is the negative of the other."""

    intercept: FloatArray
    """Intercepts at the centre, `[class]`."""

    centre: FloatArray
    """Mean of the fit stimuli, `[unit]`."""

    def _display(self) -> tuple[str, pd.DataFrame]:
        return f"Linear classifier of {len(self.classes)} classes from {len(self.centre)} units", pd.DataFrame()

    def scores(self, representation: FloatArray) -> FloatArray:
        """Return the score of each class for each stimulus of a float64 `[stimulus, unit]`: `[stimulus, class]`."""
        scores: FloatArray = (representation - self.centre) @ self.weights.T + self.intercept
        return scores

    def predict(self, representation: FloatArray) -> IntArray:
        """Return the class with the largest score, `[stimulus]`; of equal scores, the first."""
        chosen: IntArray = self.classes[self.scores(representation).argmax(1)]
        return chosen


@dataclass(frozen=True)
class Classifier:
    """A linear classifier with an intercept that is not penalised, before it is fitted.

    With lambda the regularisation, all have an objective of the same form, so that lambda does not depend on the number
    of stimuli and means the same for each of them:

        mean over stimuli of loss(w phi + b, y)  +  lambda / 2 * || w ||^2

        logistic        log loss (multinomial for several classes)         scikit-learn's C = 1 / (lambda n)
        ridge           1/2 (w phi + b - y)^2, with y = +-1 (per class)     scikit-learn's alpha = lambda n
        svm             squared hinge loss (one class against the rest)    scikit-learn's C = 1 / (lambda n)
        nearest_mean    the class whose mean is nearest (Euclidean)        lambda is not used

    Parameters
    ----------
    classifier : "logistic", "ridge", "svm" or "nearest_mean".
    regularization : lambda, above 0; less than 1e-6 of the units' mean variance counts as that, since solvers
        do not converge below.
    scaling : "none": the representation as it is, so that what has more variance is penalised less; "overall": divided
        by one number, which makes the units' mean variance 1 and leaves their proportions, so that lambda means the
        same for layers of different scale; "unit": each unit divided by its own standard deviation.

    Raises
    ------
    ValueError : an unknown classifier or scaling, a regularisation that is not above 0.

    When not to use it: where a curved boundary is meant.

    Source: scikit-learn (Pedregosa et al., 2011) fits all but the nearest mean.
    """

    classifier: str = "logistic"
    regularization: float = REGULARIZATION
    scaling: str = "none"

    def __post_init__(self) -> None:
        refuse_unknown(self.classifier, CLASSIFIERS, "classifier")
        refuse_unknown(self.scaling, SCALINGS, "scaling")
        if not (math.isfinite(self.regularization) and self.regularization > 0):
            raise ValueError(
                f"regularization must be finite and above 0, got {self.regularization}: for next to none, give a small "
                "number such as 1e-6"
            )

    def fit(self, x: FloatArray, y: IntArray) -> LinearClassifier:
        """Return the classifier fitted to `x` `[stimulus, unit]`, float64, and its class labels `y` `[stimulus]`.

        Raises
        ------
        ValueError : a single class.
        """
        classes = np.unique(y)
        if len(classes) < 2:
            raise ValueError(f"y must hold two classes or more to tell apart, got only {classes.tolist()}: add stimuli")
        constant = np.ptp(x, axis=0) == 0
        centre = np.where(constant, x[0], x.mean(0))
        z = x - centre
        scale = np.where(constant, 1.0, z.std(0)) if self.scaling == "unit" else np.ones(x.shape[1])
        z /= scale
        size = float(np.sqrt((z**2).mean())) or 1.0
        # Solved at size 1, where solvers are at their best; but for "overall", with the penalty that undoes the change.
        penalty = self.regularization / (1.0 if self.scaling == "overall" else size**2)
        scale = scale * size
        weights, intercept = _fit(z / size, y, classes, self.classifier, max(penalty, LEAST_PENALTY))
        if len(weights) == 1:
            weights, intercept = np.concatenate([-weights, weights]) / 2, np.concatenate([-intercept, intercept]) / 2
        return LinearClassifier(classes, weights / scale, intercept, centre)


def _fit(
    z: FloatArray, y: IntArray, classes: IntArray, classifier: str, penalty: float
) -> tuple[FloatArray, FloatArray]:
    """Return weights `[class, unit]` and intercepts `[class]`; of two classes, only the second one's."""
    n = len(z)
    if classifier == "nearest_mean":
        means = np.stack([z[y == label].mean(0) for label in classes])
        return means, -(means**2).sum(1) / 2
    if classifier == "logistic":
        # Newton's method where a small penalty conditions the problem badly; its line search fails at large ones
        solver = "newton-cg" if penalty < 1e-3 else "lbfgs"
        model = LogisticRegression(solver=solver, C=1 / (penalty * n), tol=1e-8, max_iter=100_000)
    elif classifier == "ridge":
        model = RidgeClassifier(alpha=penalty * n, solver="cholesky" if penalty > 1e-5 else "svd")
    else:  # liblinear penalises the intercept; a large constant input leaves next to nothing of that
        tol = 1e-8 if penalty > 1e-5 else 1e-7
        far = 100 * max(float(np.sqrt((z**2).sum(1).max())), np.sqrt(penalty))
        model = LinearSVC(C=1 / (penalty * n), dual=False, tol=tol, max_iter=100_000, intercept_scaling=far)
    model.fit(z, y)
    return model.coef_.reshape(-1, z.shape[1]), np.atleast_1d(model.intercept_)
