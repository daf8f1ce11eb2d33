"""Principal components: how much of the variance each has, and which feature it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from repbias.core.arrays import ArrayLike, FloatArray, about_mean, as_float64, as_representation
from repbias.core.frames import shared_index
from repbias.core.results import measures_table
from repbias.features.inference import Features
from repbias.figures.drawings import OwnedBars
from repbias.measures.result import MeasureResult
from repbias.measures.variance.explained import variance_explained

OWNER_THRESHOLD = 0.1


@dataclass(frozen=True, eq=False, repr=False)
class Components(MeasureResult):
    """The principal components of a representation on the stimuli of the fit, from the largest, and what they show.

    `plot` draws the share of the variance of the first 20 components, coloured by their owners.
    """

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    axes: FloatArray
    """Orthonormal axes, `[component, unit]`; the largest entry of each is positive."""

    mean: FloatArray
    """Mean over the stimuli of the fit, `[unit]`: components are measured from it."""

    share: FloatArray
    """Share of the variance on the stimuli of the fit, `[component]`; adds up to 1 where all components are kept."""

    scored_share: FloatArray
    """Share of the variance, about the fit mean, on the scored stimuli, `[component]`. The sum over components of
    `scored_share * r2` is the pooled R2 of `variance_explained`, where they span the scored stimuli."""

    r2: FloatArray
    """R2 of each component's scores by each feature, `[feature, component]`; may be negative."""

    owner_threshold: float
    """The smallest R2 at which a feature may own a component."""

    @property
    def owner(self) -> tuple[str | None, ...]:
        """The feature with the highest R2, `[component]`; None where that is below `owner_threshold`."""
        best = self.r2.argmax(0)
        return tuple(
            self.names[feature] if self.r2[feature, i] >= self.owner_threshold else None
            for i, feature in enumerate(best)
        )

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns component (from 0), feature, measure and value.

        Measures: `r2` of each feature; `share` and `scored_share`, with the feature `(all)`.
        """
        tables = [
            measures_table(self.names, {"r2": r2}, {"share": share, "scored_share": scored})
            for r2, share, scored in zip(self.r2.T, self.share, self.scored_share, strict=True)
        ]
        return (
            pd.concat(tables, keys=range(len(tables)), names=["component", None]).reset_index(0).reset_index(drop=True)
        )

    def _drawing(self) -> OwnedBars:
        return OwnedBars(self.names, self.share, self.owner)

    def _title(self) -> str:
        return f"{len(self.share)} principal components of {len(self.mean)} units"


def components(
    representation: ArrayLike,
    labels: Features,
    *,
    test_representation: ArrayLike | None = None,
    test_labels: Features | None = None,
    names: Sequence[str] | None = None,
    n: int | None = None,
    folds: int = 5,
    owner_threshold: float = OWNER_THRESHOLD,
) -> Components:
    """Find the principal components of a representation, and how much of each every feature explains.

    With phi the representation less its mean m over the stimuli of the fit, of covariance C, and f a feature's
    one-hot code,

        axes      a_1, a_2, ...: eigenvectors of C, of eigenvalues l_1 >= l_2 >= ...
        share     l_k / sum_j l_j
        r2        R2 of the scores a_k . phi by a regression from f, fitted and scored as in `variance_explained`

    The axes are fitted on `representation` and never see a label; the R2 is that of the test stimuli, or
    cross-validated over the stimuli of the fit where there are none. Components without variance there (in rounding)
    are left out; a representation without any keeps one, which has a share and an R2 of 0.

    Parameters
    ----------
    representation : `[stimulus, unit]`, as in `variance_explained`, and so are the next four and `folds`.
    labels : features of any kind, as in `variance_explained`.
    test_representation : `[stimulus, unit]`, other stimuli to score on. Give both test arrays or neither.
    test_labels : the same features of these stimuli, in the same form.
    names : the features' names.
    n : number of components to keep, at most min(stimuli, units); all that have variance by default.
    folds : number of cross-validation folds, where no test arrays are given.
    owner_threshold : the R2 below which a component has no owner, above 0 and at most 1.

    Returns
    -------
    A `Components`.

    Raises
    ------
    ValueError, TypeError : as `variance_explained`; ValueError for an `n` or a threshold out of range.

    When not to use it: to conclude from the top components alone what a network computes. A feature that is reported
    perfectly may own only components of a share near 0. Components of near-equal variance are any rotation of one
    another, and so are their owners.

    Source: Pearson (1901); that the top components show the simpler feature is the claim of Lampinen, Chan & Hermann
    (2024), arXiv 2405.05847. The owner and its threshold are this project's choice.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (400, 2))
    >>> x = labels @ [[3.0, 0.0], [0.0, 1.0]] + rng.normal(size=(400, 2))
    >>> found = repbias.components(x, labels, names=["strong", "weak"])
    >>> found.share.round(1).tolist(), found.owner
    ([0.7, 0.3], ('strong', 'weak'))
    """
    if not 0 < owner_threshold <= 1:
        raise ValueError(f"owner_threshold must be an R2 above 0 and at most 1, got {owner_threshold}")
    shared_index({"representation": representation, "labels": labels})
    shared_index({"test_representation": test_representation, "test_labels": test_labels})
    x = as_representation(representation, "representation")
    if n is not None and not 1 <= n <= min(x.shape):
        raise ValueError(
            f"n must be from 1 to {min(x.shape)}, the smaller of {x.shape[0]} stimuli and {x.shape[1]} units, got {n}"
        )
    whole = variance_explained(
        x, labels, test_representation=test_representation, test_labels=test_labels, names=names, folds=folds
    )
    centred, mean = about_mean(as_float64(x))
    axes, share = _principal_axes(centred, n)
    test_scores = None
    if test_representation is not None:
        test_scores = (as_float64(as_representation(test_representation, "test_representation")) - mean) @ axes.T
    by_component = variance_explained(
        centred @ axes.T, labels, test_representation=test_scores, test_labels=test_labels, names=names, folds=folds
    )
    return Components(
        names=whole.names,
        axes=axes,
        mean=mean,
        share=share,
        scored_share=by_component.unit_total / (whole.total or 1.0),
        r2=by_component.unit_r2,
        owner_threshold=float(owner_threshold),
    )


def _principal_axes(centred: FloatArray, n: int | None) -> tuple[FloatArray, FloatArray]:
    """Return the axes `[component, unit]` and their shares of the variance `[component]`."""
    triangle = np.linalg.qr(centred, mode="r")  # has the same axes and fewer rows
    _, spread, axes = np.linalg.svd(triangle, full_matrices=False)
    rank = int((spread > spread[0] * max(centred.shape) * np.finfo(np.float64).eps).sum())
    kept = min(max(rank, 1), n or len(spread))
    axes, variance = axes[:kept], spread**2
    largest = np.abs(axes).argmax(1)
    axes = axes * np.sign(axes[np.arange(kept), largest])[:, None]
    return axes, variance[:kept] / (variance.sum() or 1.0)
