"""Features in a dictionary: whether a single latent of a sparse autoencoder (or a single unit) stands for a feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from repbias.core.arrays import ArrayLike, FloatArray, IntArray
from repbias.core.results import measures_table
from repbias.figures.drawings import Bars
from repbias.measures.decoding.linear_classifiers import (
    REGULARIZATION,
    Classifier,
    held_out,
    refuse_more_than_two_classes,
)
from repbias.measures.result import MeasureResult

THRESHOLD = 0.9


@dataclass(frozen=True, eq=False, repr=False)
class FeaturesInLatents(MeasureResult):
    """How well single latents stand for each feature, on stimuli that did not choose them.

    `plot` draws how well the best latent tells each feature's values apart, beside a probe on all latents.
    """

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    best: IntArray
    """The latent with the highest AUROC on the fit stimuli, `[feature]`."""

    auroc: FloatArray
    """AUROC of that latent on the test stimuli, `[feature]`: 1 where it tells the feature's two values apart for every
    pair of stimuli, .5 where it carries no information, below .5 where its sign differs from the fit stimuli's."""

    r2: FloatArray
    """R2 on the test stimuli of a linear regression of the feature *from* that latent, fitted on the fit stimuli,
    `[feature]`; about the fit mean, and may be negative."""

    n_above: IntArray
    """Number of latents whose AUROC on the test stimuli is above `threshold`, `[feature]`."""

    latent_auroc: FloatArray
    """AUROC of every latent on the test stimuli, with the sign it has on the fit stimuli, `[feature, latent]`."""

    probe_accuracy: FloatArray
    """Test accuracy of a linear probe on all latents, `[feature]`."""

    threshold: float
    """The AUROC threshold of `n_above`."""

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure and value.

        Measures: `best` (the latent's index), `auroc`, `r2`, `n_above`, `probe_accuracy`. `latent_auroc` is not
        in the table.
        """
        measures = ("best", "auroc", "r2", "n_above", "probe_accuracy")
        return measures_table(self.names, {measure: getattr(self, measure) for measure in measures})

    def _drawing(self) -> Bars:
        label = "AUROC of the best latent"
        probed = {"accuracy of a probe on all latents": self.probe_accuracy}
        return Bars(self.names, self.auroc, label, references=probed, per_cent=False)

    def _title(self) -> str:
        return f"Features in {self.latent_auroc.shape[1]} latents"


def feature_in_latents(
    latents: ArrayLike,
    labels: ArrayLike,
    *,
    test_latents: ArrayLike,
    test_labels: ArrayLike,
    names: Sequence[str] | None = None,
    threshold: float = THRESHOLD,
    classifier: str = "logistic",
    regularization: float = REGULARIZATION,
    scaling: str = "none",
) -> FeaturesInLatents:
    """Measure whether a single latent stands for each feature, and whether all latents together carry it.

    With z_j latent j, f a feature of two values, and sign_j such that the AUROC is .5 or more on the fit stimuli,

        AUROC_j    P(sign_j z_j larger at f = 1 than at f = 0), ties counting half, on the test stimuli
        best       the latent with the highest AUROC on the fit stimuli
        R2         1 - sum (a + b z_best - f)^2 / sum (f - mean)^2, a, b and mean from the fit stimuli

    Raw units in place of latents give the baseline that a dictionary should beat.

    Parameters
    ----------
    latents : `[stimulus, latent]`, such as `SparseAutoencoder.encode` gives, NumPy or torch; or any representation.
    labels : class labels 0 and 1, `[stimulus]` or `[stimulus, feature]`.
    test_latents : `[stimulus, latent]`, of other stimuli.
    test_labels : `[stimulus]` or `[stimulus, feature]`; both values of each feature must be among them.
    names : the features' names; `feature_0`, ... by default.
    threshold : AUROC from .5 to 1 above which a latent is counted.
    classifier, regularization, scaling : of the probe on all latents, as in `Classifier`.

    Returns
    -------
    A `FeaturesInLatents`. A latent that is constant has an AUROC of .5, and of equal latents the first is the best.

    Raises
    ------
    ValueError : as `probe`; a feature of more than two classes or with one value among the test stimuli, and a
        threshold out of range.
    TypeError : for arrays that do not hold numbers.

    When not to use it: for a feature that several latents share between them, each active for some of its stimuli. No
    single one has a high AUROC then, though the probe reads the feature out.

    Source: the question is Lampinen, Chan & Hermann's (2024), arXiv 2405.05847; the statistics are this project's.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> found = repbias.feature_in_latents(x[:200], labels[:200], test_latents=x[200:], test_labels=labels[200:])
    >>> found.best.tolist(), found.auroc.round(2).tolist()
    ([0, 1], [0.99, 0.78])
    """
    settings = Classifier(classifier, regularization, scaling)
    if not 0.5 <= threshold <= 1:
        raise ValueError(f"threshold must be an AUROC from .5 to 1, got {threshold}")
    data = held_out(latents, labels, test_latents, test_labels, names, what="latents")
    refuse_more_than_two_classes(data, "feature_in_latents")
    for name, values in zip(data.names, data.test_y.T, strict=True):
        if len(np.unique(values)) < 2:
            raise ValueError(
                f"test_labels must hold both values of every feature, got only {values[0]} for feature {name!r}: "
                "add test stimuli with the other value"
            )
    fit_auroc, test_auroc = _aurocs(data.x, data.y), _aurocs(data.test_x, data.test_y)
    best = np.abs(fit_auroc - 0.5).argmax(1)
    test_auroc = np.where(fit_auroc < 0.5, 1 - test_auroc, test_auroc)
    features = range(len(data.names))
    probed = [settings.fit(data.x, y).predict(data.test_x) for y in data.y.T]
    return FeaturesInLatents(
        names=data.names,
        best=best,
        auroc=test_auroc[features, best],
        r2=np.array(
            [_r2(data.x[:, best[f]], data.y[:, f], data.test_x[:, best[f]], data.test_y[:, f]) for f in features]
        ),
        n_above=(test_auroc > threshold).sum(1),
        latent_auroc=test_auroc,
        probe_accuracy=(np.stack(probed, axis=1) == data.test_y).mean(0),
        threshold=float(threshold),
    )


def _aurocs(z: FloatArray, y: IntArray) -> FloatArray:
    """Return the area under the ROC curve of each latent for each feature, `[feature, latent]` (Mann-Whitney)."""
    ranks = rankdata(z, axis=0)
    ones = y.sum(0)[:, None]
    areas: FloatArray = (y.T @ ranks - ones * (ones + 1) / 2) / (ones * (len(y) - ones))
    return areas


def _r2(z: FloatArray, y: IntArray, test_z: FloatArray, test_y: IntArray) -> float:
    """Return the R2 of a feature from one latent, on the test stimuli."""
    centred = np.zeros(len(z)) if np.ptp(z) == 0 else z - z.mean()
    variance = float(centred @ centred)
    slope = float(centred @ (y - y.mean())) / variance if variance > 0 else 0.0
    predicted = y.mean() + slope * (test_z - z.mean())
    return 1 - float(((test_y - predicted) ** 2).sum() / ((test_y - y.mean()) ** 2).sum())
