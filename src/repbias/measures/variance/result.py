"""What an encoding regression found: how much of a representation each feature explains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from repbias.core.arrays import FloatArray
from repbias.core.tables import ALL_FEATURES as ALL_FEATURES
from repbias.core.tables import measures_table


@dataclass(frozen=True, eq=False)
class VarianceExplained:
    """The share of a representation's variance that each feature explains, on stimuli the fit never saw.

    A unit or a feature that does not vary has an R2 of 0, and so has a representation without variance: no value is
    NaN. R2 is negative where the fit predicts worse than the fit mean does.
    """

    names: tuple[str, ...]
    """The features' names, `[feature]`."""

    r2: FloatArray
    """Pooled held-out R2 = explained / total, `[feature]`."""

    r2_unbiased: FloatArray
    """Pooled R2 without the bias by the noise of the fit, `[feature]`; see `repbias.measures.variance`."""

    r2_per_stimulus: FloatArray | None
    """Mean over stimuli of 1 - ||Wf - phi||^2 / ||phi||^2, `[feature]`; a stimulus with phi = 0 counts as 0.
    None from a cross-validated `VarianceFitter` whose `second_pass` was not made."""

    unit_r2: FloatArray
    """R2 of each unit, `[feature, unit]`."""

    explained: FloatArray
    """Explained sum of squares, over all units, for each scored stimulus, `[feature]`; may be negative. For learning
    curves divide it by the last checkpoint's `total`."""

    total: float
    """Total sum of squares about the fit mean, over all units, for each scored stimulus."""

    unit_total: FloatArray
    """The same for each unit, `[unit]`; adds up to `total`."""

    n_stimuli: int
    """Number of scored stimuli: those of the test arrays, or all of them under cross-validation."""

    p_value: FloatArray | None = None
    """(1 + permutations with an r2 as high) / (1 + permutations), `[feature]`; None without permutations."""

    joint_r2: float | None = None
    """R2 of one regression on all features together; None unless `joint`."""

    unique: FloatArray | None = None
    """Drop in the joint R2 when a feature is left out, `[feature]`; None unless `joint`."""

    @property
    def common(self) -> FloatArray | None:
        """What a feature explains that the others explain too, r2 - unique, `[feature]`; None unless `joint`."""
        return None if self.unique is None else self.r2 - self.unique

    @property
    def constant_units(self) -> npt.NDArray[np.bool_]:
        """Whether a unit has no variance on the scored stimuli, `[unit]`."""
        return self.unit_total == 0

    def grouped_r2(self, groups: npt.ArrayLike) -> FloatArray:
        """Return the R2 of groups of units, explained over total, each summed over the group, `[feature, group]`.

        The channels of a feature map `[stimulus, channel, row, column]`, flattened, are such groups:
        `np.repeat(np.arange(channels), rows * columns)`.

        Parameters
        ----------
        groups : the group of each unit, 0, 1, 2, ..., `[unit]`; a group without variance has an R2 of 0.

        Raises
        ------
        ValueError : not one whole number, 0 or more, for each unit.
        """
        of = np.asarray(groups)
        if of.shape != self.unit_total.shape or not np.issubdtype(of.dtype, np.integer) or of.min(initial=0) < 0:
            raise ValueError(
                f"groups must be one whole number, 0 or more, for each of the {len(self.unit_total)} units, got "
                f"{of.dtype} of shape {of.shape}"
            )
        totals = np.bincount(of, self.unit_total)
        explained = np.stack([np.bincount(of, unit_r2 * self.unit_total) for unit_r2 in self.unit_r2])
        return np.divide(explained, totals, out=np.zeros_like(explained), where=totals > 0)

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure and value.

        Measures of each feature: `r2`, `r2_unbiased`, `explained`, and where computed `r2_per_stimulus`, `p_value`,
        `unique`, `common`. Measures of the whole representation, with the feature `(all)`: `total`, and where computed
        `joint_r2`. `unit_r2` is not in the table.
        """
        by_feature = {
            "r2": self.r2,
            "r2_unbiased": self.r2_unbiased,
            "r2_per_stimulus": self.r2_per_stimulus,
            "explained": self.explained,
            "p_value": self.p_value,
            "unique": self.unique,
            "common": self.common,
        }
        return measures_table(self.names, by_feature, {"total": self.total, "joint_r2": self.joint_r2})
