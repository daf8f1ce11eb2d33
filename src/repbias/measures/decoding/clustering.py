"""Clusters and neighbourhoods: which feature k-means and t-SNE show."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.manifold import TSNE
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import NearestNeighbors

from repbias.core.arrays import ArrayLike, FloatArray, about_mean, as_float64, as_labelled, as_representation
from repbias.core.randomness import rng
from repbias.core.results import measures_table
from repbias.figures.drawings import Bars
from repbias.measures.result import MeasureResult
from repbias.measures.variance.regression import ratio

RESTARTS = 10


@dataclass(frozen=True, eq=False, repr=False)
class Clustering(MeasureResult):
    """The clusters that k-means finds, and how well they agree with each feature.

    `plot` draws how well the clusters agree with each feature, and with all combinations of classes.
    """

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    k: int
    """Number of clusters that k-means looked for."""

    clusters: npt.NDArray[np.int64]
    """The cluster of each stimulus, from 0, `[stimulus]`; fewer than k where fewer stimuli are distinct."""

    ari: FloatArray
    """Adjusted Rand index of the clusters with each feature's classes, `[feature]`."""

    combined_ari: float
    """Adjusted Rand index of the clusters with the combinations of all features' classes."""

    within_share: float
    """Share of the variance that is within clusters: what k-means minimises; 0 where nothing varies."""

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure and value.

        Measures: `ari` of each feature; `ari`, `within_share` and `k` with the feature `(all)`.
        """
        whole = {"ari": self.combined_ari, "within_share": self.within_share, "k": self.k}
        return measures_table(self.names, {"ari": self.ari}, whole)

    def _drawing(self) -> Bars:
        names, values = (*self.names, "(combinations)"), [*self.ari, self.combined_ari]
        return Bars(names, values, "adjusted Rand index of the clusters", per_cent=False)

    def _title(self) -> str:
        return f"{self.k} clusters of {len(self.clusters):,} stimuli by k-means"


@dataclass(frozen=True, eq=False, repr=False)
class NeighbourPurity(MeasureResult):
    """How often the nearest neighbours of a stimulus are of its class.

    `plot` draws the purity for each feature, beside chance.
    """

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    purity: FloatArray
    """Mean share of a stimulus's nearest neighbours that are of its class, `[feature]`."""

    chance: FloatArray
    """What the purity is on average where neighbours are random other stimuli, `[feature]`."""

    neighbours: int
    """Number of neighbours of each stimulus."""

    @property
    def corrected(self) -> FloatArray:
        """(purity - chance) / (1 - chance), `[feature]`: 0 at chance, 1 where all neighbours are of one class; 0 for a
        feature of one class."""
        return ratio(self.purity - self.chance, 1 - self.chance)

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure and value: `purity`, `chance`, `corrected_purity`."""
        measures = {"purity": self.purity, "chance": self.chance, "corrected_purity": self.corrected}
        return measures_table(self.names, measures)

    def _drawing(self) -> Bars:
        label = "neighbours of the same class"
        return Bars(self.names, self.purity, label, references={"chance": self.chance})

    def _title(self) -> str:
        return f"Classes of the {self.neighbours} nearest neighbours"


def clustering(
    representation: ArrayLike,
    labels: ArrayLike,
    *,
    k: int | None = None,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> Clustering:
    """Cluster the stimuli by k-means, and compare the clusters with each feature and with all together.

    k-means (Lloyd; k-means++ starts, the best of 10 by the sum of squares within clusters) on the representation as
    it is, and Hubert & Arabie's adjusted Rand index, over pairs of stimuli that are together (n_ij those in cluster i
    and class j, a_i and b_j its sums):

        I = sum C(n_ij, 2),   A = sum C(a_i, 2),   B = sum C(b_j, 2),   E = A B / C(n, 2)
        ARI = (I - E) / ((A + B) / 2 - E)

    1 for equal partitions, 0 on average for clusters that are unrelated to the classes. With more clusters than classes
    a feature cannot reach 1 even if no cluster mixes its classes: compare features at the same k.

    Parameters
    ----------
    representation : `[stimulus, unit]`, NumPy or torch, any precision, any device.
    labels : class labels 0, 1, 2, ..., `[stimulus]` or `[stimulus, feature]`; never seen by k-means.
    k : number of clusters; by default the number of combinations of classes that occur.
    seed : seed of the starts.
    names : the features' names; `feature_0`, ... by default.

    Returns
    -------
    A `Clustering`; the same for the same arguments.

    Raises
    ------
    ValueError : for arrays that do not fit together, values that are not finite, or a k out of range.
    TypeError : for arrays that do not hold numbers.

    When not to use it: to ask whether a feature is represented. k-means follows variance, and misses a feature that a
    network reports perfectly where other features have more variance. Units of large variance dominate: scale the units
    first if this is not wanted.

    Source: Lloyd (1982), Arthur & Vassilvitskii (2007), Hubert & Arabie (1985).

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> found = repbias.clustering(x, labels, k=2, names=["strong", "weak"])
    >>> (found.ari.round(1) + 0).tolist()  # the clusters follow the strong feature
    [0.8, 0.0]
    """
    x, y, names = as_labelled(representation, labels, names)
    classes = y.cpu().numpy()
    combined = np.unique(classes, axis=0, return_inverse=True)[1].reshape(-1)
    k = int(combined.max()) + 1 if k is None else k
    if not 1 <= k <= len(x):
        raise ValueError(f"k must be from 1 to {len(x)}, the number of stimuli, got {k}")
    values, _ = about_mean(as_float64(x))
    with warnings.catch_warnings():  # fewer distinct stimuli than clusters: the result has fewer
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = KMeans(k, n_init=RESTARTS, random_state=_sklearn_seed(seed, "k-means")).fit(values)
    clusters = found.labels_.astype(np.int64)
    return Clustering(
        names=names,
        k=k,
        clusters=clusters,
        ari=np.array([adjusted_rand_score(column, clusters) for column in classes.T]),
        combined_ari=float(adjusted_rand_score(combined, clusters)),
        within_share=float(ratio(found.inertia_, (values**2).sum())),
    )


def tsne(representation: ArrayLike, *, perplexity: float = 30.0) -> FloatArray:
    """Lay the stimuli out in a plane by t-SNE, for pictures.

    scikit-learn's `TSNE` (Barnes-Hut, learning rate "auto"), started from the first two principal components rather
    than at random, so that the picture does not depend on the choice of a seed. `neighbour_purity` and `clustering`
    measure what the layout shows: both take any `[stimulus, unit]`, and so two coordinates.

    Parameters
    ----------
    representation : `[stimulus, unit]`, NumPy or torch, any precision, any device; two units or more.
    perplexity : about how many neighbours each stimulus has, at least 1 and below the number of stimuli.

    Returns
    -------
    `[stimulus, 2]`; the same for the same arguments on one machine. Units, orientation and the distance between far
    groups have no meaning.

    Raises
    ------
    ValueError : for a representation that does not vary, is not finite, or has one unit; for a perplexity out of range.
    TypeError : for an array that does not hold numbers.

    When not to use it: as a measurement. Groups in a layout may arise by chance, and a feature that the layout does not
    show may still be represented: compare it with the R2.

    Source: van der Maaten & Hinton (2008); for the start, Kobak & Berens (2019).

    Examples
    --------
    >>> import numpy as np, repbias
    >>> groups = np.repeat([0, 1], 20)
    >>> x = 9 * groups[:, None] + np.random.default_rng(0).normal(size=(40, 5))
    >>> layout = repbias.tsne(x, perplexity=10)
    >>> layout.shape
    (40, 2)
    >>> repbias.neighbour_purity(layout, groups, neighbours=5).purity.round(2).tolist()
    [1.0]
    """
    x = as_representation(representation, "representation")
    if x.shape[1] < 2:
        raise ValueError("t-SNE needs two units or more, got 1: plot the unit itself")
    if not 1 <= perplexity < len(x):
        raise ValueError(
            f"perplexity must be at least 1 and below the number of stimuli, {len(x)}, got {perplexity}: "
            "lower it, or add stimuli"
        )
    values, _ = about_mean(as_float64(x))
    if not values.any():
        raise ValueError(f"all {len(x)} stimuli have the same representation: there is nothing to lay out")
    seed = _sklearn_seed(0, "t-SNE")  # of the randomised search for the two components
    layout = TSNE(2, perplexity=perplexity, init="pca", random_state=seed)
    return np.asarray(layout.fit_transform(values), dtype=np.float64)


def neighbour_purity(
    representation: ArrayLike, labels: ArrayLike, *, neighbours: int = 10, names: Sequence[str] | None = None
) -> NeighbourPurity:
    """Measure how often a stimulus's nearest neighbours are of its class, for each feature.

        purity    mean over stimuli of the share of the `neighbours` nearest others (Euclidean) of the same class
        chance    sum_c n_c (n_c - 1) / (n (n - 1))       its expectation where neighbours are random others

    Parameters
    ----------
    representation : `[stimulus, unit]`, NumPy or torch, or a layout such as that of `tsne`, `[stimulus, 2]`.
    labels : class labels 0, 1, 2, ..., `[stimulus]` or `[stimulus, feature]`.
    neighbours : number of neighbours, from 1 to the number of stimuli less one.
    names : the features' names; `feature_0`, ... by default.

    Returns
    -------
    A `NeighbourPurity`.

    Raises
    ------
    ValueError : for arrays that do not fit together, values that are not finite, or too few stimuli.
    TypeError : for arrays that do not hold numbers.

    When not to use it: where stimuli are repeated, since a repeat is its own nearest neighbour (average repeats
    first); among stimuli at equal distances the choice is arbitrary.

    Source: nearest-neighbour classification without a vote (Cover & Hart 1967); the correction for chance is ours.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> found = repbias.neighbour_purity(x, labels)
    >>> found.purity.round(1).tolist(), found.chance.round(1).tolist()
    ([0.9, 0.6], [0.5, 0.5])
    """
    x, y, names = as_labelled(representation, labels, names)
    n = len(x)
    if not 1 <= neighbours < n:
        raise ValueError(
            f"neighbours must be at least 1 and below the number of stimuli, {n}, got {neighbours}: "
            "use fewer, or add stimuli"
        )
    values, _ = about_mean(as_float64(x))
    nearest = NearestNeighbors(n_neighbors=neighbours).fit(values).kneighbors(return_distance=False)
    classes = y.cpu().numpy()
    counts = [np.unique(column, return_counts=True)[1] for column in classes.T]
    return NeighbourPurity(
        names=names,
        purity=(classes[nearest] == classes[:, None]).mean((0, 1)),
        chance=np.array([float((c * (c - 1)).sum()) / (n * (n - 1)) for c in counts]),
        neighbours=neighbours,
    )


def _sklearn_seed(seed: int, purpose: str) -> int:
    return int(rng(seed, purpose).integers(2**32))
