"""Probes: whether a feature can be read out of a representation linearly, beside the controls that this needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from repbias.core.arrays import ArrayLike, FloatArray, IntArray, as_float64, as_representation
from repbias.core.frames import shared_index
from repbias.core.randomness import rng
from repbias.core.results import measures_table
from repbias.features.inference import Features, given_features
from repbias.features.values import Values
from repbias.figures.drawings import Bars
from repbias.measures.decoding.linear_classifiers import REGULARIZATION, Classifier, HeldOut, held_out
from repbias.measures.decoding.ridge_decoder import RidgeDecoder
from repbias.measures.result import MeasureResult


@dataclass(frozen=True, eq=False, repr=False)
class ProbeResult(MeasureResult):
    """How well a linear classifier reads each feature out, on stimuli it was not fitted on, and its controls.

    `plot` draws the accuracy for each feature, beside chance and the controls that were measured.
    """

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    accuracy: FloatArray
    """Share of the test stimuli that are classified correctly, `[feature]`."""

    balanced_accuracy: FloatArray
    """Mean over the test stimuli's classes of the share of each that is classified correctly, `[feature]`."""

    chance: FloatArray
    """Accuracy of always predicting the fit stimuli's most frequent class, `[feature]`."""

    n_fit: int
    """Number of stimuli that the classifiers were fitted on."""

    n_test: int
    """Number of stimuli that they were scored on."""

    r2: FloatArray | None = None
    """Held-out R2 of ridge regressions that predict features that are not classes, `[feature]`; NaN for classes, whose
    accuracies are NaN for these. None where all features are classes."""

    shuffled: FloatArray | None = None
    """Accuracy after fitting on permuted labels, `[permutation, feature]`; None from `probe`."""

    memorized: FloatArray | None = None
    """Accuracy of the same classifiers on the permuted labels that they were fitted on, `[permutation, feature]`: what
    the probe can memorise. None from `probe`."""

    random_coordinates: FloatArray | None = None
    """Accuracy from Gaussian noise with as many units in place of the representation, `[feature]`; None from
    `probe`."""

    baseline: FloatArray | None = None
    """Accuracy from the baseline representation, `[feature]`; None without one."""

    @property
    def selectivity(self) -> FloatArray | None:
        """Accuracy less the mean accuracy under permuted labels, `[feature]`; None from `probe`."""
        return None if self.shuffled is None else self.accuracy - self.shuffled.mean(0)

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure and value.

        Measures: `accuracy`, `balanced_accuracy`, `chance`, and where computed `r2`, `shuffled` and `memorized` (means
        over permutations), `selectivity`, `random_coordinates`, `baseline`.
        """
        of_feature = ("accuracy", "balanced_accuracy", "chance", "r2", "selectivity", "random_coordinates", "baseline")
        measures = {measure: getattr(self, measure) for measure in of_feature}
        for measure in ("shuffled", "memorized"):
            values = getattr(self, measure)
            measures[measure] = None if values is None else values.mean(0)
        return measures_table(self.names, measures)

    def _drawing(self) -> Bars:
        controls = {
            "chance": self.chance,
            "shuffled labels": None if self.shuffled is None else self.shuffled.mean(0),
            "baseline": self.baseline,
        }
        if self.r2 is None:
            return Bars(self.names, self.accuracy, "test accuracy", references=controls)
        score = np.where(np.isnan(self.r2), self.accuracy, self.r2)
        return Bars(self.names, score, "test accuracy, or R2", references=controls)

    def _title(self) -> str:
        return f"Linear probes, on {self.n_test:,} test stimuli"


def probe(
    representation: ArrayLike,
    labels: Features,
    *,
    test_representation: ArrayLike,
    test_labels: Features,
    names: Sequence[str] | None = None,
    classifier: str = "logistic",
    regularization: float = REGULARIZATION,
    scaling: str = "unit",
) -> ProbeResult:
    """Measure how well a linear classifier reads each feature out of a representation.

        accuracy             share of the test stimuli with argmax_c (w_c phi + b_c) = label
        balanced accuracy    the same for each class, averaged over classes
        chance               share of the test stimuli that are of the fit stimuli's most frequent class

    Parameters
    ----------
    representation : `[stimulus, unit]`, NumPy or torch, any precision; the stimuli to fit on.
    labels : class labels 0, 1, 2, ..., `[stimulus]` or `[stimulus, feature]`, of two classes or more; or features of
        any kind, as in `variance_explained`. Features that are not classes are predicted by ridge regressions, whose
        penalty generalised cross-validation chooses, and scored by R2.
    test_representation : `[stimulus, unit]`, other stimuli to score on.
    test_labels : `[stimulus]` or `[stimulus, feature]`.
    names : the features' names; `feature_0`, ... by default.
    classifier, regularization, scaling : as in `Classifier`. By default each unit is divided by its standard deviation
        over the fit stimuli, so that the scale of a unit does not matter; scaling="none" takes the representation as it
        is, and then a feature of little variance is penalised more than one of large variance.

    Returns
    -------
    A `ProbeResult` without controls.

    Raises
    ------
    ValueError : arrays that do not fit together, labels that are negative or not whole, a feature of one class, a class
        that is scored and was never fitted, and as `Classifier`.
    TypeError : for arrays that do not hold numbers.

    When not to use it: to ask how much of a representation a feature takes up, which is `variance_explained`; without
    controls where units outnumber stimuli or stimuli repeat, see `controlled_probe`.

    Source: Alain & Bengio (2016), arXiv 1610.01644.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> test = {"test_representation": x[200:], "test_labels": labels[200:]}
    >>> found = repbias.probe(x[:200], labels[:200], **test)
    >>> found.accuracy.round(1).tolist()
    [1.0, 0.7]
    """
    settings = Classifier(classifier, regularization, scaling)
    shared_index({"representation": representation, "labels": labels})
    shared_index({"test_representation": test_representation, "test_labels": test_labels})
    x = as_representation(representation, "representation")
    test_x = as_representation(test_representation, "test_representation", n_units=x.shape[1])
    given = given_features(labels, test_labels, names, len(x), len(test_x))
    if given.split is None:
        return _probe(held_out(x, given.labels, test_x, given.test_labels, given.names), settings)
    return _probe_of_every_kind(as_float64(x), as_float64(test_x), given.split, settings)


def _probe_of_every_kind(
    x: FloatArray, test_x: FloatArray, split: tuple[dict[str, Values], dict[str, Values]], settings: Classifier
) -> ProbeResult:
    """Return how well classes are classified, and other features predicted."""
    fit, test = split
    accuracy, balanced, chance, r2 = np.full((4, len(fit)), np.nan)
    fold_of = np.repeat([0, 1], [len(x), len(test_x)])
    spread = np.where(np.ptp(x, axis=0) == 0, 1.0, x.std(0)) if settings.scaling == "unit" else 1.0
    decoder = RidgeDecoder(np.concatenate([x, test_x]) / spread, fold_of)
    for place, (name, values) in enumerate(fit.items()):
        if values.categorical:
            found = _probe(held_out(x, values.numbers, test_x, test[name].numbers, [name]), settings)
            accuracy[place], balanced[place] = found.accuracy[0], found.balanced_accuracy[0]
            chance[place] = found.chance[0]
        else:
            gain, total = decoder.scored(np.concatenate([values.targets, test[name].targets]))
            r2[place] = gain[fold_of == 1].sum() / total[fold_of == 1].sum()
    return ProbeResult(tuple(fit), accuracy, balanced, chance, len(x), len(test_x), r2=r2)


def controlled_probe(
    representation: ArrayLike,
    labels: ArrayLike,
    *,
    test_representation: ArrayLike,
    test_labels: ArrayLike,
    baseline_representation: ArrayLike | None = None,
    test_baseline_representation: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    classifier: str = "logistic",
    regularization: float = REGULARIZATION,
    scaling: str = "unit",
    permutations: int = 10,
    seed: int = 0,
) -> ProbeResult:
    """Measure `probe`, and repeat it under controls in which nothing should carry the feature.

        shuffled              fit labels permuted across stimuli (all features alike), scored on the true test labels
        memorized             the same classifiers, scored on the permuted labels that they were fitted on
        selectivity           accuracy - mean accuracy when shuffled
        random coordinates    each unit replaced by Gaussian noise of its mean and standard deviation
        baseline              another representation of the same stimuli, fitted and scored in the same way

    Hewitt & Liang give a word *type* a random label in fit and test alike, so that their control measures how well a
    probe memorises types that repeat. Here labels are permuted in the fit only; what a probe can memorise is
    `memorized`.

    Parameters
    ----------
    representation, labels, test_representation, test_labels, names : as in `probe`.
    classifier, regularization, scaling : as in `probe`.
    baseline_representation : `[stimulus, unit]` of the fit stimuli, such as the untrained network's or a
        random projection of its inputs (`sklearn.random_projection`); any number of units.
    test_baseline_representation : `[stimulus, unit]` of the test stimuli. Give both or neither.
    permutations : number of permutations, 1 or more.
    seed : seed of the permutations and of the noise.

    Returns
    -------
    A `ProbeResult` with its controls.

    Raises
    ------
    ValueError, TypeError : as `probe`; ValueError for one of the two baseline arrays without the other, and for
        permutations below 1.

    When not to use it: for a p value, which needs many more permutations than a mean.

    Source: Hewitt & Liang (2019), arXiv 1909.03368; memorisation after Zhang et al. (2017), arXiv 1611.03530.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> test = {"test_representation": x[200:], "test_labels": labels[200:]}
    >>> found = repbias.controlled_probe(x[:200], labels[:200], **test, permutations=3)
    >>> found.accuracy.round(1).tolist()
    [1.0, 0.7]
    >>> found.memorized.mean(0).round(1).tolist()  # what the probe can memorise
    [0.6, 0.6]
    """
    settings = Classifier(classifier, regularization, scaling)
    if permutations < 1:
        raise ValueError(f"permutations must be 1 or more, got {permutations}: without controls, use probe")
    data = held_out(representation, labels, test_representation, test_labels, names)
    baseline = None
    if (baseline_representation is None) != (test_baseline_representation is None):
        raise ValueError(
            "baseline_representation and test_baseline_representation go together, got only one: give both, or neither"
        )
    if baseline_representation is not None and test_baseline_representation is not None:
        baseline = held_out(
            baseline_representation,
            data.y,
            test_baseline_representation,
            data.test_y,
            data.names,
            what="baseline_representation",
        )
    shuffled, memorized = _shuffled(data, settings, permutations, seed)
    return replace(
        _probe(data, settings),
        shuffled=shuffled,
        memorized=memorized,
        random_coordinates=_probe(_noise(data, seed), settings).accuracy,
        baseline=None if baseline is None else _probe(baseline, settings).accuracy,
    )


def _probe(data: HeldOut, settings: Classifier) -> ProbeResult:
    predicted = (settings.fit(data.x, y).predict(data.test_x) for y in data.y.T)
    accuracy, balanced = np.array(list(map(accuracies, predicted, data.test_y.T))).T
    return ProbeResult(data.names, accuracy, balanced, data.chance, n_fit=len(data.x), n_test=len(data.test_x))


def accuracies(predicted: IntArray, labels: IntArray) -> tuple[float, float]:
    """Return the accuracy and the balanced accuracy, over the classes that `labels` has."""
    right = predicted == labels
    return float(right.mean()), float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def _shuffled(data: HeldOut, settings: Classifier, permutations: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return the accuracy on test stimuli and on the permuted labels themselves, `[permutation, feature]`."""
    generator = rng(seed, "probe", "permutations")
    both, n_test = np.concatenate([data.test_x, data.x]), len(data.test_x)
    found = np.empty((2, permutations, len(data.names)))
    for permutation in range(permutations):
        permuted = data.y[generator.permutation(len(data.y))]
        for feature, y in enumerate(permuted.T):
            predicted = settings.fit(data.x, y).predict(both)
            found[0, permutation, feature] = (predicted[:n_test] == data.test_y[:, feature]).mean()
            found[1, permutation, feature] = (predicted[n_test:] == y).mean()
    return found[0], found[1]


def _noise(data: HeldOut, seed: int) -> HeldOut:
    generator = rng(seed, "probe", "random coordinates")
    mean, deviation = data.x.mean(0), data.x.std(0)
    return replace(
        data,
        x=mean + deviation * generator.normal(size=data.x.shape),
        test_x=mean + deviation * generator.normal(size=data.test_x.shape),
    )
