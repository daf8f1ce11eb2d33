"""The spectrum of a layer's activity: the share of the variance along each principal axis, in the population."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from repbias.audit.estimates import coordinates
from repbias.core.arrays import FloatArray, IntArray
from repbias.core.randomness import rng

MOST_BINS = 96
MOST_STIMULI = 2_000
BLOCKS = 20
STEEPEST = 60.0  # exponent of a power law; its first axis then has all of the variance


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Shares of the variance along the principal axes; axes with nearly the same share are one bin."""

    shares: FloatArray
    """Share of the variance along each axis of a bin, from the largest, `[bin]`."""

    axes: IntArray
    """Number of axes of each bin, `[bin]`."""

    def trace(self, power: int) -> float:
        """Return the trace of a power of the covariance of activity whose variance is 1."""
        return float(self.axes @ self.shares**power)

    @property
    def n_axes(self) -> int:
        return int(self.axes.sum())

    @property
    def dimensionality(self) -> float:
        """The participation ratio: the number of axes if all have the same share."""
        return 1 / self.trace(2)

    @classmethod
    def of(cls, shares: FloatArray) -> Spectrum:
        """Return the spectrum with the shares of single axes, from the largest, `[axis]`."""
        edges = np.unique(np.geomspace(1, len(shares) + 1, MOST_BINS).astype(int)) - 1
        axes = np.diff(edges)
        return cls(np.add.reduceat(shares, edges[:-1]) / axes / shares.sum(), axes)

    @classmethod
    def power_law(cls, units: int, dimensionality: float | None = None) -> Spectrum:
        """Return the spectrum whose shares fall as a power of their rank, with this participation ratio.

        By default they fall as 1 / rank, as in the visual cortex of mice: Stringer et al. (2019), Nature 571, 361-365.
        """
        rank = np.arange(1, units + 1.0)
        if dimensionality is None:
            return cls.of(1 / rank)

        def excess(exponent: float) -> float:
            shares = rank**-exponent
            return float(shares.sum() ** 2 / (shares**2).sum()) - max(dimensionality, 1 + 1e-9)

        if dimensionality >= units:
            return cls.of(np.ones(units))
        return cls.of(rank ** -optimize.brentq(excess, 0.0, STEEPEST))

    @classmethod
    def estimated(cls, sample: FloatArray, units: int, dimensionality: float) -> Spectrum:
        """Return the spectrum of a sample, shrunk so that it has the participation ratio of the population.

        In a sample, large shares are too large and small ones too small. Shrinkage towards equal shares corrects that
        as in Ledoit & Wolf (2004), Journal of Multivariate Analysis 88, 365-411.

        Parameters
        ----------
        sample : shares in the sample, from the largest, `[axis]`. units : number of units that vary.
        dimensionality : participation ratio of the population.
        """
        shares = np.zeros(units)
        shares[: len(sample)] = sample
        spread = float((shares**2).sum()) - 1 / units
        if spread <= 0:
            return cls.of(shares)
        kept = np.sqrt(max(1 / dimensionality - 1 / units, 0.0) / spread)
        return cls.of(np.maximum(kept * shares + (1 - kept) / units, 0.0))


def spectra_of_pilot(activity: FloatArray, seed: int) -> list[Spectrum]:
    """Return the spectrum of pilot data `[stimulus, unit]`, and those without each of up to 20 parts of the stimuli.

    A spectrum without a part has the shape of that of all stimuli, and its own dimensionality. More than 2,000 stimuli
    are sampled.
    """
    generator = rng(seed, "audit", "planning pilot")
    rows = np.arange(len(activity))
    if len(rows) > MOST_STIMULI:
        rows = np.sort(generator.choice(rows, MOST_STIMULI, replace=False))
    found = coordinates(activity[rows])
    units = int((np.ptp(activity[rows], axis=0) > 0).sum())
    products = found.centred @ found.centred.T
    part_of = generator.permutation(len(rows)) % min(BLOCKS, len(rows) // 2)
    kept = [np.ones(len(rows), bool), *(part_of != part for part in range(int(part_of.max()) + 1))]
    return [
        Spectrum.estimated(found.shares, units, dimensionality(products[np.ix_(some, some)], units)) for some in kept
    ]


def dimensionality(products: FloatArray, units: int) -> float:
    """Return the participation ratio tr(S)^2 / tr(S^2) of the covariance S in the population, from 1 to `units`.

    The trace of S^2 is estimated without bias from products of different stimuli: Szekely & Rizzo (2014), Annals of
    Statistics 42, 2382-2412.

    Parameters
    ----------
    products : scalar products of the activity of stimuli, `[stimulus, stimulus]`; four stimuli or more.
    units : number of units.
    """
    n = len(products)
    total = float(np.trace(products) - products.mean() * n) / (n - 1)
    between = products - np.diag(np.diag(products))
    sums = between.sum(0)
    between = between - (sums[:, None] + sums) / (n - 2) + sums.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(between, 0.0)
    of_square = float((between**2).sum()) / (n * (n - 3))
    return float(np.clip(total**2 / max(of_square, 1e-300), 1.0, units))
