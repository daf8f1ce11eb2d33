"""The per-stimulus form of the score: the mean over stimuli of 1 - ||W f - phi||^2 / ||phi||^2."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from repbias.core.arrays import FloatArray
from repbias.measures.variance.class_means import ClassMeans
from repbias.measures.variance.sums import Piece, as_float64, working_dtype


class StimulusScores:
    """Adds up each stimulus's own R2 under one fit; a stimulus with phi = 0 counts as 0.

    The fit mean m is not a number of the representation's precision, so stimuli are measured from the nearest one,
    `mean`, and the rest `m - mean` enters as one more column of the product with the class deviations d:
    1 - ||d - phi||^2 / ||phi||^2 = (2 d.phi - ||d||^2) / ||phi||^2, with phi = (representation - mean) - (m - mean).
    """

    def __init__(self, model: ClassMeans, reference: FloatArray, like: Tensor) -> None:
        dtype = working_dtype(like)
        exact = reference + model.mean
        self.mean = torch.from_numpy(exact).to(like.device, dtype)
        rest = exact - as_float64(self.mean)
        self._directions = torch.from_numpy(np.vstack([model.deviations, rest])).to(like.device, dtype)
        self._offset = torch.from_numpy(2 * model.deviations @ rest + (model.deviations**2).sum(1))
        self._rest_squared = float(rest @ rest)

    def add_up(self, piece: Piece, columns: Tensor, *, squares: Tensor) -> FloatArray:
        """Return the sum of R2 over stimuli, `[feature]`; the piece's shift is `mean`."""
        products = (piece.centred @ self._directions.T).cpu().double()
        columns = columns.cpu()
        length = squares.sum(1).cpu().double() + self._rest_squared - 2 * products[:, -1]
        gained = 2 * products.gather(1, columns) - self._offset[columns]
        scores = torch.where(length[:, None] > 0, gained / length[:, None], 0.0)
        return as_float64(scores.sum(0))
