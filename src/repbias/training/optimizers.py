"""Optimisers by description, and their steps on the parameters of a stack, which carry a leading member axis.

The arithmetic is `torch.optim`'s. Members with the same optimiser are adjacent rows of the stack and share a parameter
group, updated element by element, so that learning rate and weight decay may differ by member within one stack. Muon
orthogonalises a matrix as a whole, so that each member's matrices are updated separately.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from repbias.core.specs import Spec

LearningRate = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Optimizer(Spec):
    """A description of an update rule."""

    def hyperparameters(self) -> dict[str, Any]:
        """Return the keyword arguments of a `torch.optim` parameter group."""
        return self.model_dump(exclude={"kind", "adamw_lr"})

    def torch_class(self) -> type[torch.optim.Optimizer]:
        """Return the class of the same name in `torch.optim`.

        Raises
        ------
        ValueError : this version of torch has none.
        """
        name = type(self).__name__
        if not hasattr(torch.optim, name):
            raise ValueError(
                f"torch {torch.__version__} has no {name}; install torch 2.9 or later, or train with AdamW"
            )
        found: type[torch.optim.Optimizer] = getattr(torch.optim, name)
        return found


class SGD(Optimizer):
    """Stochastic gradient descent, plain or with momentum.

    Examples
    --------
    >>> import repbias
    >>> repbias.SGD(momentum=0.9).momentum
    0.9
    """

    kind: Literal["sgd"] = "sgd"
    lr: LearningRate = 0.05
    momentum: Fraction = 0.0
    weight_decay: NonNegative = 0.0


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015); weight decay is added to the gradient.

    Examples
    --------
    >>> import repbias
    >>> repbias.Adam(lr=0.01).lr
    0.01
    """

    kind: Literal["adam"] = "adam"
    lr: LearningRate = 1e-3
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    weight_decay: NonNegative = 0.0


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019).

    Examples
    --------
    >>> import repbias
    >>> repbias.AdamW(lr=0.01).lr
    0.01
    """

    kind: Literal["adamw"] = "adamw"  # type: ignore[assignment]
    weight_decay: NonNegative = 0.01


class RMSprop(Optimizer):
    """RMSprop (Tieleman & Hinton 2012), with optional momentum.

    Examples
    --------
    >>> import repbias
    >>> repbias.RMSprop(lr=0.01).lr
    0.01
    """

    kind: Literal["rmsprop"] = "rmsprop"
    lr: LearningRate = 1e-3
    alpha: Fraction = 0.99
    momentum: Fraction = 0.0
    weight_decay: NonNegative = 0.0


class Muon(Optimizer):
    """Muon (Jordan et al. 2024) for the matrices between the first and the last; AdamW trains all other parameters.

    Attributes
    ----------
    lr : of the matrices, whose update has all singular values near 1. adamw_lr : of all other parameters.
    weight_decay : decoupled, of all parameters.

    Examples
    --------
    >>> import repbias
    >>> repbias.Muon(lr=0.01).lr
    0.01
    """

    kind: Literal["muon"] = "muon"
    lr: LearningRate = 0.02
    adamw_lr: LearningRate = 1e-3
    momentum: Fraction = 0.95
    weight_decay: NonNegative = 0.0


AnyOptimizer = Annotated[SGD | Adam | AdamW | RMSprop | Muon, Field(discriminator="kind")]


State = dict[str, Tensor]


@dataclass(frozen=True)
class Part:
    """The part of a parameter that an optimiser updates: `rows` of the stack or, as a `matrix`, a single member's."""

    name: str
    rows: slice
    tensor: Tensor
    matrix: bool = False

    def receive(self, gradients: State) -> None:
        """Take the part's gradient from those of the stack, each `[member, ...]`."""
        gradient = gradients[self.name]
        if self.matrix:
            self.tensor.grad = gradient[self.rows.start]
        else:
            self.tensor.grad = gradient if len(self.tensor) == len(gradient) else gradient[self.rows]

    def keep(self, state: dict[str, Any], rows: Sequence[int]) -> dict[str, Any] | None:
        """Return the part of an optimiser's state that belongs to the members at `rows`; None where there is none."""
        local = [row - self.rows.start for row in rows if self.rows.start <= row < self.rows.stop]
        if self.matrix or not local:
            return state if local else None
        return {k: v[local].clone() if v.shape == self.tensor.shape else v for k, v in state.items()}


Rule = tuple[torch.optim.Optimizer, list[Part]]


class Updates:
    """One step of every member's optimiser.

    Parameters
    ----------
    optimizers : one per member, all of one kind; equal ones are adjacent.
    parameters : each `[member, ...]`; they are updated in place.
    """

    def __init__(self, optimizers: Sequence[Optimizer], parameters: State) -> None:
        self._specs, self._parameters = list(optimizers), parameters
        if isinstance(self._specs[0], Muon):
            hidden = hidden_matrices(parameters)
            rest = {name: p for name, p in parameters.items() if name not in hidden}
            self._rules = [
                *([self._matrix_by_matrix({name: parameters[name] for name in hidden})] if hidden else []),
                self._group_by_group(rest, lambda muon: AdamW(lr=muon.adamw_lr, weight_decay=muon.weight_decay)),
            ]
        else:
            self._rules = [self._group_by_group(parameters, lambda own: own)]

    def step(self, gradients: State, rates: Tensor | None = None) -> None:
        """Take one step with the gradients, each `[member, ...]`.

        Parameters
        ----------
        rates : `[member]`, each member's learning rate as a share of its optimiser's; None for 1 each. The steps of all
            optimisers here are proportional to the learning rate, so that a share of the rate is a share of the step.
        """
        before = {} if rates is None else {name: p.clone() for name, p in self._parameters.items()}
        for optimizer, parts in self._rules:
            for part in parts:
                part.receive(gradients)
            optimizer.step()
        if rates is not None:
            for name, p in self._parameters.items():
                p.lerp_(before[name], (1 - rates).to(p.dtype).view(-1, *(1,) * (p.ndim - 1)))

    def keep(self, rows: Sequence[int], parameters: State) -> Updates:
        """Return the updates of only the members at `rows` (in increasing order), whose parameters are `parameters`.

        They continue unchanged, with their optimisers' state.
        """
        kept = Updates([self._specs[row] for row in rows], parameters)
        for (optimizer, parts), (new, new_parts) in zip(self._rules, kept._rules, strict=True):
            states = [part.keep(optimizer.state[part.tensor], rows) for part in parts]
            for part, state in zip(new_parts, (state for state in states if state is not None), strict=True):
                new.state[part.tensor] = state
        return kept

    def _group_by_group(self, parameters: State, rule: Callable[[Any], Optimizer]) -> Rule:
        parts: list[Part] = []
        options, start = [], 0
        for spec, members in groupby(self._specs):
            rows = slice(start, start + len(list(members)))
            start = rows.stop
            group = [Part(name, rows, p[rows]) for name, p in parameters.items()]
            options.append({"params": [part.tensor for part in group], **rule(spec).hyperparameters()})
            parts += group
        return rule(self._specs[0]).torch_class()(options, foreach=True), parts  # type: ignore[call-arg]

    def _matrix_by_matrix(self, parameters: State) -> Rule:
        parts: list[Part] = []
        options = []
        for row, spec in enumerate(self._specs):
            own = [Part(name, slice(row, row + 1), p[row], matrix=True) for name, p in parameters.items()]
            options.append({"params": [part.tensor for part in own], **spec.hyperparameters()})
            parts += own
        return self._specs[0].torch_class()(options), parts  # type: ignore[call-arg]


def hidden_matrices(parameters: State) -> tuple[str, ...]:
    """Return the names of a network's matrices (`[member, row, column]`) between the first and the last, in order."""
    return tuple(name for name, p in parameters.items() if p.ndim == 3)[1:-1]
