"""Optimisers by description; the arithmetic is `torch.optim`'s.

A stack's parameters carry a leading member axis. Members with the same optimiser spec are adjacent rows of it and
form one parameter group, so learning rate and weight decay may differ by member within one stack.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from repbias.core.specs import Spec

LearningRate = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Optimizer(Spec):
    """A description of an update rule."""

    @abstractmethod
    def hyperparameters(self) -> dict[str, Any]:
        """The keyword arguments of a `torch.optim` parameter group."""

    @abstractmethod
    def torch_class(self) -> type[torch.optim.Optimizer]:
        """The class in `torch.optim`."""


class SGD(Optimizer):
    """Stochastic gradient descent, plain or with momentum."""

    kind: Literal["sgd"] = "sgd"
    lr: LearningRate = 0.05
    momentum: Fraction = 0.0
    weight_decay: NonNegative = 0.0

    def hyperparameters(self) -> dict[str, Any]:
        """See `Optimizer`."""
        return {"lr": self.lr, "momentum": self.momentum, "weight_decay": self.weight_decay}

    def torch_class(self) -> type[torch.optim.Optimizer]:
        """`torch.optim.SGD`."""
        return torch.optim.SGD


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015); weight decay is added to the gradient."""

    kind: Literal["adam"] = "adam"
    lr: LearningRate = 1e-3
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    weight_decay: NonNegative = 0.0

    def hyperparameters(self) -> dict[str, Any]:
        """See `Optimizer`."""
        return {"lr": self.lr, "betas": self.betas, "weight_decay": self.weight_decay}

    def torch_class(self) -> type[torch.optim.Optimizer]:
        """`torch.optim.Adam`."""
        return torch.optim.Adam


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    kind: Literal["adamw"] = "adamw"  # type: ignore[assignment]
    weight_decay: NonNegative = 0.01

    def torch_class(self) -> type[torch.optim.Optimizer]:
        """`torch.optim.AdamW`."""
        return torch.optim.AdamW


class RMSprop(Optimizer):
    """RMSprop (Tieleman & Hinton 2012), with optional momentum."""

    kind: Literal["rmsprop"] = "rmsprop"
    lr: LearningRate = 1e-3
    alpha: Fraction = 0.99
    momentum: Fraction = 0.0
    weight_decay: NonNegative = 0.0

    def hyperparameters(self) -> dict[str, Any]:
        """See `Optimizer`."""
        return {"lr": self.lr, "alpha": self.alpha, "momentum": self.momentum, "weight_decay": self.weight_decay}

    def torch_class(self) -> type[torch.optim.Optimizer]:
        """`torch.optim.RMSprop`."""
        return torch.optim.RMSprop


class Muon(Optimizer):
    """Muon (Jordan et al. 2024) for the matrices between the first and the last; AdamW trains all other parameters.

    Attributes
    ----------
    lr : of the matrices, whose update has all singular values near 1. adamw_lr : of all other parameters.
    weight_decay : decoupled, of all parameters.
    """

    kind: Literal["muon"] = "muon"
    lr: LearningRate = 0.02
    adamw_lr: LearningRate = 1e-3
    momentum: Fraction = 0.95
    weight_decay: NonNegative = 0.0

    def hyperparameters(self) -> dict[str, Any]:
        """See `Optimizer`."""
        return {"lr": self.lr, "momentum": self.momentum, "weight_decay": self.weight_decay}

    def torch_class(self) -> type[torch.optim.Optimizer]:
        """`torch.optim.Muon`.

        Raises
        ------
        ValueError : this version of torch has none.
        """
        if not hasattr(torch.optim, "Muon"):
            raise ValueError(f"torch {torch.__version__} has no Muon; install torch 2.9 or later, or train with AdamW")
        return torch.optim.Muon


AnyOptimizer = Annotated[SGD | Adam | AdamW | RMSprop | Muon, Field(discriminator="kind")]
