"""Reliance: which of two features a linear classifier uses when both of them predict its label."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from repbias.core.arrays import ArrayLike, FloatArray, IntArray, as_labels, as_names, as_representation, feature_index
from repbias.core.frames import shared_index
from repbias.core.results import measures_table
from repbias.figures.drawings import Bars
from repbias.measures.decoding.linear_classifiers import (
    CLASSIFIERS,
    REGULARIZATION,
    Classifier,
    HeldOut,
    LinearClassifier,
    held_out,
    refuse_more_than_two_classes,
)
from repbias.measures.decoding.training_sets import Strength, as_strengths, draw_training_set
from repbias.measures.result import MeasureResult

Feature: TypeAlias = str | int
BOTH = "(both)"


@dataclass(frozen=True, eq=False, repr=False)
class Reliance(MeasureResult):
    """Which of two features a classifier follows where they differ, on stimuli it was not trained on.

    `plot` draws the share of the conflict items that the classifier decides by each feature.
    """

    names: tuple[str, str]
    """The two features' names, `[feature]`."""

    reliance: FloatArray
    """Share of the conflict items in which the classifier gives each feature's value, `[feature]`; adds up to 1."""

    agreeing_accuracy: float
    """Accuracy on the test stimuli where the two features agree; where it is near .5, `reliance` means nothing."""

    training_accuracy: float
    """Accuracy on the training stimuli."""

    training_agreement: FloatArray
    """Share of the training stimuli in which each feature's value is the label, `[feature]`: `strength`, but for
    rounding to whole stimuli."""

    n_train: int
    """Number of training stimuli, half of each label."""

    n_conflict: int
    """Number of test stimuli where the two features differ."""

    n_agreeing: int
    """Number of test stimuli where they agree."""

    classifier: LinearClassifier
    """The classifier, in the axes of the representation."""

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure and value.

        Measures of each feature: `reliance`, `training_agreement`. Of the classifier, with the feature `(both)`:
        `agreeing_accuracy`, `training_accuracy`, `n_train`, `n_conflict`, `n_agreeing`.
        """
        by_feature = {"reliance": self.reliance, "training_agreement": self.training_agreement}
        whole = ("agreeing_accuracy", "training_accuracy", "n_train", "n_conflict", "n_agreeing")
        return measures_table(self.names, by_feature, {measure: getattr(self, measure) for measure in whole}, of=BOTH)

    def _drawing(self) -> Bars:
        return Bars(self.names, self.reliance, "share of the conflict items")

    def _title(self) -> str:
        return f"Reliance of a linear classifier, on {self.n_conflict:,} conflict items"


def reliance(
    representation: ArrayLike,
    labels: ArrayLike,
    *,
    test_representation: ArrayLike,
    test_labels: ArrayLike,
    features: tuple[Feature, Feature] = (0, 1),
    names: Sequence[str] | None = None,
    strength: Strength = 1.0,
    classifier: str = "logistic",
    regularization: float = REGULARIZATION,
    scaling: str = "none",
    n_train: int | None = None,
    seed: int = 0,
) -> Reliance:
    """Measure which of two features a linear classifier on a frozen representation relies on.

    The classifier's label y is one that both features predict. With f1, f2 the features' values, and s1, s2 their
    strengths,

        train    P(y = 1) = 1/2,  P(f1 = y) = s1,  P(f2 = y) = s2,  f1 and f2 independent given y
        test     reliance on f1 = share of the stimuli with f1 != f2 in which the prediction is f1

    At strengths of 1 the training stimuli are those where the features agree, and training cannot show which of the two
    features defines the label. Training stimuli are drawn from `representation` without replacement, in numbers that
    give these probabilities exactly but for rounding; below 1 the label of some stimuli is neither feature's value.

    Parameters
    ----------
    representation : `[stimulus, unit]`, NumPy or torch, any precision; training stimuli are drawn from it.
    labels : class labels `[stimulus, feature]`; the two features are 0 or 1.
    test_representation : `[stimulus, unit]`, other stimuli to score on.
    test_labels : `[stimulus, feature]`.
    features : the two features, by name or column.
    names : the names of all features; `feature_0`, ... by default.
    strength : s1 and s2, .5 to 1; one number for both, or a pair.
    classifier, regularization, scaling : as in `Classifier`. By default the representation keeps its scale, because the
        bias is one of scale.
    n_train : number of training stimuli, rounded down to an even one; by default as many as there are. At strength 1
        and with one seed, a larger set contains the smaller ones.
    seed : seed of the draw.

    Returns
    -------
    A `Reliance`.

    Raises
    ------
    ValueError : arrays that do not fit together, features that are not two, are unknown or have more than two classes,
        no conflict items or no agreeing items in the test set, too few stimuli to train on, a wrong strength, and as
        `Classifier`.
    TypeError : for arrays that do not hold numbers.

    When not to use it: where either feature cannot be read out alone (look at `probe` first), or to say what the
    *network* relies on. This is about a classifier trained on its representation.

    Source: the cue-conflict design of Hermann & Lampinen (2020), arXiv 2006.12433, on representations.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> test = {"test_representation": x[200:], "test_labels": labels[200:]}
    >>> found = repbias.reliance(x[:200], labels[:200], **test)
    >>> found.reliance.round(1).tolist()  # the stronger feature decides
    [0.9, 0.1]
    """
    settings = Classifier(classifier, regularization, scaling)
    strengths = as_strengths(strength)
    data = _two_features(representation, labels, test_representation, test_labels, features, names)
    chosen, y = draw_training_set(data.y, strengths, n_train, seed)
    return _score(data, chosen, y, settings)


@dataclass(frozen=True, eq=False, repr=False)
class RelianceSweep(MeasureResult):
    """`Reliance` for every combination of some settings of the classifier.

    `plot` draws the share of the conflict items that each classifier decides by the first feature, on average over
    seeds and numbers of training stimuli.
    """

    names: tuple[str, str]
    """The two features' names, `[feature]`."""

    rows: pd.DataFrame
    """What `table` returns."""

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns classifier, regularization, n_train, seed, and those of `Reliance`."""
        return self.rows.copy()

    def _drawing(self) -> Bars:
        first = self.rows[(self.rows["measure"] == "reliance") & (self.rows["feature"] == self.names[0])]
        by = ["classifier", "regularization"]
        means = first.groupby(by, sort=False, dropna=False)["value"].mean()
        names = [kind if np.isnan(penalty) else f"{kind}, {penalty:g}" for kind, penalty in means.index]
        kinds = [kind for kind, _ in means.index]
        return Bars(names, means.to_numpy(), f"conflict items decided by {self.names[0]}", groups=kinds)

    def _title(self) -> str:
        return f"Reliance on {self.names[0]} and {self.names[1]}, by classifier"


def reliance_sweep(
    representation: ArrayLike,
    labels: ArrayLike,
    *,
    test_representation: ArrayLike,
    test_labels: ArrayLike,
    features: tuple[Feature, Feature] = (0, 1),
    names: Sequence[str] | None = None,
    strength: Strength = 1.0,
    classifiers: Sequence[str] = CLASSIFIERS,
    regularizations: Sequence[float] = (1e-4, 1e-2, 1.0),
    n_trains: Sequence[int | None] = (None,),
    scaling: str = "none",
    seeds: Sequence[int] = (0,),
) -> RelianceSweep:
    """Measure `reliance` for every combination of classifier, regularisation, number of training stimuli and seed.

    Parameters
    ----------
    classifiers, regularizations, n_trains, seeds : the values to combine. The nearest mean has no regularisation, and
        comes once, with NaN in its place. The others are as in `reliance`.

    Returns
    -------
    A `RelianceSweep`.

    Raises
    ------
    ValueError, TypeError : as `reliance`, for any of the combinations, before the first is fitted.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> test = {"test_representation": x[200:], "test_labels": labels[200:]}
    >>> found = repbias.reliance_sweep(x[:200], labels[:200], **test, classifiers=["ridge"])
    >>> shares = found.table().query("feature == 'feature_0' and measure == 'reliance'")
    >>> shares["value"].round(1).tolist()  # at each of three regularisations
    [0.9, 0.9, 0.9]
    """
    penalties = {kind: [REGULARIZATION] if kind == "nearest_mean" else regularizations for kind in classifiers}
    settings = [Classifier(kind, value, scaling) for kind in classifiers for value in penalties[kind]]
    strengths = as_strengths(strength)
    data = _two_features(representation, labels, test_representation, test_labels, features, names)
    draws = {(n, seed): draw_training_set(data.y, strengths, n, seed) for n, seed in itertools.product(n_trains, seeds)}
    tables = []
    for one, ((_, seed), (chosen, y)) in itertools.product(settings, draws.items()):
        table = _score(data, chosen, y, one).table()
        penalty = np.nan if one.classifier == "nearest_mean" else one.regularization
        columns = {"classifier": one.classifier, "regularization": penalty, "n_train": len(y), "seed": seed}
        tables.append(pd.DataFrame(columns, index=table.index).join(table))
    if not tables:
        raise ValueError(
            "there is nothing to sweep over: give at least one value each for classifiers, "
            "regularizations, n_trains and seeds"
        )
    return RelianceSweep((data.names[0], data.names[1]), pd.concat(tables, ignore_index=True))


def _two_features(
    representation: ArrayLike,
    labels: ArrayLike,
    test_representation: ArrayLike,
    test_labels: ArrayLike,
    features: tuple[Feature, Feature],
    names: Sequence[str] | None,
) -> HeldOut:
    """Return the arrays with the columns of the two features only."""
    shared_index({"representation": representation, "labels": labels})
    shared_index({"test_representation": test_representation, "test_labels": test_labels})
    x = as_representation(representation, "representation")
    y = as_labels(labels, x, "labels")
    test_x = as_representation(test_representation, "test_representation", n_units=x.shape[1])
    test_y = as_labels(test_labels, test_x, "test_labels")
    if test_y.shape[1] != y.shape[1]:
        raise ValueError(f"test_labels must hold the {y.shape[1]} features of labels, got {test_y.shape[1]} columns")
    names = as_names(names, y.shape[1])
    columns = [feature_index(feature, names) for feature in features]
    if len(set(columns)) != 2:
        raise ValueError(f"features must be two different features, got {features!r}: name both, of {', '.join(names)}")
    pair = [names[column] for column in columns]
    data = held_out(x, y[:, columns], test_x, test_y[:, columns], pair)
    refuse_more_than_two_classes(data, "reliance")
    conflicts = int((data.test_y[:, 0] != data.test_y[:, 1]).sum())
    if conflicts in (0, len(data.test_y)):
        lacking, where = ("conflict", "differ") if conflicts == 0 else ("agreeing", "agree")
        raise ValueError(
            f"the test set must have {lacking} items, got none among {len(data.test_y)} stimuli: add test stimuli "
            f"where features {pair[0]!r} and {pair[1]!r} {where}"
        )
    return data


def _score(data: HeldOut, chosen: IntArray, y: IntArray, settings: Classifier) -> Reliance:
    fitted = settings.fit(data.x[chosen], y)
    predicted = fitted.predict(data.test_x)
    first, second = data.test_y.T
    conflict = first != second
    share = float((predicted == first)[conflict].mean())
    return Reliance(
        names=(data.names[0], data.names[1]),
        reliance=np.array([share, 1 - share]),
        agreeing_accuracy=float((predicted == first)[~conflict].mean()),
        training_accuracy=float((fitted.predict(data.x[chosen]) == y).mean()),
        training_agreement=(data.y[chosen] == y[:, None]).mean(0),
        n_train=len(y),
        n_conflict=int(conflict.sum()),
        n_agreeing=int((~conflict).sum()),
        classifier=fitted,
    )
