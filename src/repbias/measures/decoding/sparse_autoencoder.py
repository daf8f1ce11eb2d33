"""A TopK sparse autoencoder: a dictionary of directions, of which each stimulus uses k."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn

from repbias.core.arrays import ArrayLike, as_representation
from repbias.core.randomness import rng, torch_rng
from repbias.core.results import measures_table
from repbias.figures.drawings import Line
from repbias.measures.result import MeasureResult


class TopKAutoencoder(nn.Module):
    """The autoencoder to train: latents = ReLU(TopK_k(W_enc (phi - b))), reconstruction = latents W_dec + b.

    Attributes
    ----------
    encoder, decoder : weights `[latent, unit]`, equal at the start (tied initialisation); rows of the decoder are kept
        at unit norm by `normalize`.
    pre_bias : b, `[unit]`, at 0 at the start.
    """

    def __init__(self, n_units: int, n_latents: int, k: int, generator: torch.Generator) -> None:
        super().__init__()
        directions = torch.randn(n_latents, n_units, generator=generator)
        directions /= directions.norm(dim=1, keepdim=True)
        self.encoder = nn.Parameter(directions.clone())
        self.decoder = nn.Parameter(directions)
        self.pre_bias = nn.Parameter(torch.zeros(n_units))
        self.k = k

    def forward(self, phi: Tensor) -> tuple[Tensor, Tensor]:
        """Return the reconstruction `[stimulus, unit]` and the latents `[stimulus, latent]`."""
        latents = top_k((phi - self.pre_bias) @ self.encoder.T, self.k)
        return latents @ self.decoder + self.pre_bias, latents

    @torch.no_grad()
    def normalize(self) -> None:
        """Bring the decoder's rows back to unit norm."""
        self.decoder.div_(self.decoder.norm(dim=1, keepdim=True))

    @torch.no_grad()
    def project_gradient(self) -> None:
        """Remove the part of the decoder's gradient that would only change the norm of its rows."""
        if self.decoder.grad is not None:
            self.decoder.grad -= (self.decoder.grad * self.decoder).sum(1, keepdim=True) * self.decoder


def top_k(values: Tensor, k: int) -> Tensor:
    """Return `values` `[stimulus, latent]` with all but the k largest of each stimulus, and all below 0, set to 0."""
    largest, where = values.topk(k, dim=1, sorted=False)
    return torch.zeros_like(values).scatter(1, where, largest.relu())


@dataclass(frozen=True, eq=False, repr=False)
class SparseAutoencoder(MeasureResult):
    """A trained TopK autoencoder, in the scale of the representation.

    `plot` draws the training loss over the steps.
    """

    encoder: Tensor
    """Encoder weights, `[latent, unit]`."""

    decoder: Tensor
    """Direction of each latent in the representation, of unit norm, `[latent, unit]`."""

    pre_bias: Tensor
    """Subtracted before encoding and added after decoding, `[unit]`."""

    k: int
    """Latents that may be active for a stimulus."""

    fit_r2: float
    """Share of the fit stimuli's variance that the reconstruction explains; see `r2`."""

    dead: Tensor
    """Whether a latent is active for none of the fit stimuli, bool `[latent]`."""

    loss: Tensor
    """Squared error of the reconstruction over the representation's variance, on each step's batch, `[step]`."""

    @property
    def dead_share(self) -> float:
        """Share of the latents that are dead."""
        return float(self.dead.double().mean())

    def encode(self, representation: ArrayLike) -> Tensor:
        """Return the latents of a representation `[stimulus, unit]`: `[stimulus, latent]`, at most k of them not 0."""
        phi = as_representation(representation, "representation", n_units=len(self.pre_bias)).to(self.pre_bias)
        return top_k((phi - self.pre_bias) @ self.encoder.T, self.k)

    def decode(self, latents: ArrayLike) -> Tensor:
        """Return the representation that latents `[stimulus, latent]` stand for, `[stimulus, unit]`.

        Raises
        ------
        ValueError : for another number of latents.
        """
        values = as_representation(latents, "latents")
        if values.shape[1] != len(self.decoder):
            raise ValueError(f"latents must be [stimulus, {len(self.decoder)}], got shape {tuple(values.shape)}")
        return values.to(self.pre_bias) @ self.decoder + self.pre_bias

    def r2(self, representation: ArrayLike) -> float:
        """Return 1 - sum || reconstruction - phi ||^2 / sum || phi - mean ||^2; 0 where all stimuli are equal."""
        phi = as_representation(representation, "representation", n_units=len(self.pre_bias)).to(self.pre_bias)
        total = float((phi.double() - phi.double().mean(0)).square().sum())
        error = float((self.decode(self.encode(phi)).double() - phi.double()).square().sum())
        return 1 - error / total if total > 0 else 0.0

    def table(self) -> pd.DataFrame:
        """Return a tidy table with the columns feature, measure and value; the feature is `(all)`.

        Measures: `fit_r2`, `dead_share`, `n_latents`, `k`.
        """
        whole = {"fit_r2": self.fit_r2, "dead_share": self.dead_share, "n_latents": len(self.decoder), "k": self.k}
        return measures_table((), {}, whole)

    def _drawing(self) -> Line:
        loss = self.loss.cpu().numpy()
        labels = "step", "squared error / variance"
        return Line(range(1, len(loss) + 1), loss, labels)

    def _title(self) -> str:
        return f"Sparse autoencoder of {self.decoder.shape[1]} units"


def train_autoencoder(
    representation: ArrayLike,
    *,
    n_latents: int,
    k: int,
    steps: int = 1500,
    batch_size: int = 128,
    lr: float = 3e-3,
    seed: int = 0,
) -> SparseAutoencoder:
    """Train a TopK sparse autoencoder on a representation.

    With phi a stimulus's representation and z its latents,

        z = ReLU(TopK_k(W_enc (phi - b))),   phi' = z W_dec + b
        loss = mean over stimuli of || phi' - phi ||^2 / v

    with v the representation's variance over all units. Adam, the learning rate falling to 0 over the last fifth of
    the steps; rows of W_dec at unit norm, W_enc = W_dec at the start, b the mean at the start (in the source, the
    geometric median). The auxiliary loss of the source, which revives dead latents, is left out: with 32 to 256
    latents it made no consistent difference. `dead` marks them. The representation is divided by one number
    for training, and the weights are scaled back: units and stimuli keep their proportions. Trained
    in float32 on the representation's device; batches are drawn with replacement. The same seed gives the same
    weights on one machine.

    Parameters
    ----------
    representation : `[stimulus, unit]`, NumPy or torch, any precision.
    n_latents : number of latents, 1 or more.
    k : latents that may be active for a stimulus, 1 to `n_latents`.
    steps : training steps, 1 or more.
    batch_size : stimuli in a step, 1 or more.
    lr : learning rate, for a representation with a variance of 1 per unit.
    seed : seed of the initial weights and of the batches.

    Returns
    -------
    A `SparseAutoencoder`.

    Raises
    ------
    ValueError : for a representation that is not `[stimulus, unit]` or not finite, and numbers out of range.
    TypeError : for an array that does not hold numbers.

    When not to use it: with few stimuli for each latent, where latents memorise stimuli; score reconstruction
    on other stimuli (`r2`). The loss is about variance: a feature of little variance may get no latent.

    Source: Gao et al. (2024), arXiv 2406.04093.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> x = np.random.default_rng(0).exponential(size=(200, 4))
    >>> dictionary = repbias.train_autoencoder(x, n_latents=8, k=2, steps=50)
    >>> dictionary.encode(x).shape
    torch.Size([200, 8])
    """
    _refuse_wrong_numbers(n_latents, k, steps, batch_size, lr)
    x = as_representation(representation, "representation").to(torch.float64)
    mean = x.mean(0)
    scale = float((x - mean).square().mean().sqrt()) or 1.0
    scaled = ((x - mean) / scale).float()
    model = TopKAutoencoder(x.shape[1], n_latents, k, torch_rng(seed, "sparse autoencoder", "init")).to(x.device)
    order = rng(seed, "sparse autoencoder", "batches").integers(0, len(x), (steps, batch_size))
    loss = _train(model, scaled, torch.from_numpy(order).to(x.device), lr)
    with torch.no_grad():
        reconstruction, latents = model(scaled)
        total = float(scaled.double().square().sum())
        error = float((reconstruction.double() - scaled.double()).square().sum())
    return SparseAutoencoder(
        encoder=model.encoder.detach(),
        decoder=model.decoder.detach(),
        pre_bias=(mean + scale * model.pre_bias.detach().double()).float(),
        k=k,
        fit_r2=1 - error / total if total > 0 else 0.0,
        dead=~(latents > 0).any(0),
        loss=loss,
    )


def _refuse_wrong_numbers(n_latents: int, k: int, steps: int, batch_size: int, lr: float) -> None:
    for what, number in {"n_latents": n_latents, "steps": steps, "batch_size": batch_size}.items():
        if number < 1:
            raise ValueError(f"{what} must be 1 or more, got {number}")
    if not 1 <= k <= n_latents:
        raise ValueError(f"k must be from 1 to n_latents, {n_latents}, got {k}: it is the number of active latents")
    if not (math.isfinite(lr) and lr > 0):
        raise ValueError(f"lr must be finite and above 0, got {lr}")


def _train(model: TopKAutoencoder, x: Tensor, order: Tensor, lr: float) -> Tensor:
    """Train on the batches that `order` `[step, stimulus]` names, and return the loss of each step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    n_steps = len(order)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, 5 * (n_steps - step) / n_steps))
    losses = torch.empty(n_steps, device=x.device)
    for step, chosen in enumerate(order):
        phi = x[chosen]
        loss = (model(phi)[0] - phi).square().mean()
        losses[step] = loss.detach()
        optimizer.zero_grad()
        loss.backward()
        model.project_gradient()
        optimizer.step()
        schedule.step()
        model.normalize()
    return losses
