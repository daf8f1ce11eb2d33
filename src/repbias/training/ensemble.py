"""A stack: the networks of many members as one, with parameters along a leading `member` axis.

One step trains all of them. A member's result depends on its own seed and settings alone, never on the other members:
batched products, element-wise operations and reductions act on each member's slice separately. Where a stack would be
slower than its members, their gradients are computed member by member.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch.nn.modules.conv import _ConvNd

from repbias.models.model import feature_loss, n_outputs
from repbias.training.intercept import (
    InterceptBatchNorm,
    RefuseRandomness,
    Site,
    find_sites,
    split_masks,
    using_masks,
)
from repbias.training.optimizers import Optimizer, Updates
from repbias.training.optimizers import State as State
from repbias.training.trace import trace

# (parameters, buffers, inputs, labels, weights, masks) -> (gradients, losses), each with a leading member axis
GradientFunction = Callable[..., tuple[State, Tensor]]


def trains_apart(network: nn.Module, device: torch.device) -> bool:
    """Return whether members of this architecture are trained one after another in each step, and not stacked.

    On a CPU this applies to convolutions. Stacked, they become grouped convolutions, for which CPU code is slower, and
    the operations around them exceed its caches: a step takes 1.2 to 5 times as long (`benchmarks --only vision`).
    """
    return device.type == "cpu" and any(isinstance(module, _ConvNd) for module in network.modules())


class Stack:
    """Members that are trained together, one step at a time.

    Parameters
    ----------
    networks : one per member, all of one architecture.
    optimizers : one per member; members with equal optimisers must be adjacent.
    n_classes : classes of each feature.
    example : one batch `[stimulus, ...]`, for its shape.

    Raises
    ------
    ValueError : the network cannot read these stimuli, its output is not the logits of these features, nothing in it
        can be trained, or it draws random numbers other than dropout.
    """

    def __init__(
        self, networks: Sequence[nn.Module], optimizers: Sequence[Optimizer], n_classes: Sequence[int], example: Tensor
    ) -> None:
        self.network = networks[0].train()
        parameters, buffers = stack_module_state(list(networks))
        frozen = {name for name, p in self.network.named_parameters() if not p.requires_grad}
        stacked = {name: p.detach().contiguous() for name, p in parameters.items()}
        self.parameters: State = {name: p for name, p in stacked.items() if name not in frozen}
        self.buffers: State = dict(buffers) | {name: stacked[name] for name in frozen}
        self._n_classes = tuple(n_classes)
        self._example = example
        self.sites: list[Site] = self._try_out()
        self._updates = Updates(optimizers, self.parameters)
        self._one: GradientFunction = self._one_with_autograd
        self._gradients = self._make_gradients()

    def __len__(self) -> int:
        return len(next(iter(self.parameters.values())))

    def step(
        self, inputs: Tensor, labels: Tensor, weights: Tensor, masks: Tensor, rates: Tensor | None = None
    ) -> Tensor:
        """Take one step and return the losses `[member]` before it.

        Parameters
        ----------
        inputs : `[member, stimulus, ...]`; labels : `[member, stimulus, feature]`; weights : `[member, feature]`.
        masks : `[member, size]`, dropout masks as `MaskStream` fills them.
        rates : `[member]`, the learning rates as shares of the optimisers'; None for 1 each.
        """
        with torch.no_grad():
            gradients, losses = self._gradients(
                self.parameters, self.buffers, inputs, labels, weights, split_masks(masks, self.sites)
            )
            self._updates.step(gradients, rates)
        return losses

    def state(self, row: int) -> State:
        """Return views of one member's parameters and buffers, as `functional_call` takes them."""
        return {name: tensor[row] for name, tensor in (self.parameters | self.buffers).items()}

    def keep(self, rows: Sequence[int]) -> None:
        """Leave only the members at `rows` (in increasing order) in the stack; they go on unchanged."""
        index = torch.as_tensor(rows, device=self._example.device)
        self.parameters = {name: p[index].clone() for name, p in self.parameters.items()}
        self.buffers = {name: b[index].clone() for name, b in self.buffers.items()}
        self._updates = self._updates.keep(rows, self.parameters)
        if self._gradients != self._one_by_one:
            self._gradients = self._make_gradients()

    def _loss(self, parameters: State, buffers: State, *batch: Tensor | list[Tensor]) -> Tensor:
        inputs, labels, weights, masks = batch
        with using_masks(masks):  # type: ignore[arg-type]
            logits = functional_call(self.network, parameters | buffers, (inputs,))
        return feature_loss(logits, labels, weights, self._n_classes)  # type: ignore[arg-type]

    def _stackable_loss(self, *arguments: State | Tensor | list[Tensor]) -> Tensor:
        with InterceptBatchNorm():
            return self._loss(*arguments)  # type: ignore[arg-type]

    def _try_out(self) -> list[Site]:
        """Run a copy of the first member once, refuse what cannot be trained, and return where it applies dropout."""
        if not self.parameters:
            raise ValueError("the network has no parameters that require gradients, so there is nothing to train")
        state = {name: tensor.clone() for name, tensor in self.state(0).items()}
        try:
            sites, logits = find_sites(lambda: functional_call(self.network, state, (self._example,)))
        except (RuntimeError, TypeError, IndexError) as error:  # e.g. shapes that do not fit
            raise ValueError(
                f"the network cannot read a batch of this task's stimuli, float32 {tuple(self._example.shape)}: {error}"
            ) from error
        came = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        expected = (len(self._example), n_outputs(self._n_classes))
        if came != expected:
            raise ValueError(
                f"the network must return logits {expected}, [stimulus, output], for features of {self._n_classes} "
                f"classes (one output for two classes, C for C); it returned {came}"
            )
        return sites

    def _make_gradients(self) -> GradientFunction:
        if trains_apart(self.network, self._example.device):
            self._one = self._traced_one()
            return self._one_by_one
        members, features = len(self), len(self._n_classes)
        device = self._example.device
        batch = (
            self._example.expand(members, *self._example.shape).contiguous(),
            torch.zeros(members, len(self._example), features, device=device),
            torch.ones(members, features, device=device),
            [torch.ones(members, *shape, device=device) for shape, _ in self.sites],
        )
        buffers = {name: tensor.clone() for name, tensor in self.buffers.items()}
        try:
            return trace(vmap(grad_and_value(self._stackable_loss)), self.parameters, buffers, *batch)
        except Exception as error:  # whatever a user's module does that cannot be stacked or traced
            warnings.warn(f"the network cannot be stacked, so that networks train one by one: {error}", stacklevel=2)
            return self._one_by_one

    def _traced_one(self) -> GradientFunction:
        """Trace `_one_with_autograd` where possible; without a trace it gives the same result a little more slowly."""
        features, device = len(self._n_classes), self._example.device
        batch = (
            self._example,
            torch.zeros(len(self._example), features, device=device),
            torch.ones(features, device=device),
            [torch.ones(shape, device=device) for shape, _ in self.sites],
        )
        parameters, buffers = ({name: t[0].clone() for name, t in s.items()} for s in (self.parameters, self.buffers))
        try:
            return trace(self._one_with_autograd, parameters, buffers, *batch)
        except Exception:  # whatever a user's module does that cannot be traced
            return self._one_with_autograd

    def _one_by_one(self, parameters: State, buffers: State, *batch: Tensor | list[Tensor]) -> tuple[State, Tensor]:
        """Compute what the traced function of a stack does, member after member."""
        inputs, labels, weights, masks = batch
        found = [
            self._one(
                {name: p[row] for name, p in parameters.items()}, {name: b[row] for name, b in buffers.items()},
                inputs[row], labels[row], weights[row], [mask[row] for mask in masks],
            )
            for row in range(len(self))
        ]  # fmt: skip
        gradients = {name: torch.stack([own[name] for own, _ in found]) for name in parameters}
        return gradients, torch.stack([loss for _, loss in found])

    def _one_with_autograd(
        self, parameters: State, buffers: State, *batch: Tensor | list[Tensor]
    ) -> tuple[State, Tensor]:
        """Return one member's gradients and loss, from the same arguments without a member axis."""
        own = {name: p.detach().requires_grad_() for name, p in parameters.items()}
        with torch.enable_grad(), RefuseRandomness():
            loss = self._loss(own, buffers, *batch)
            gradients = torch.autograd.grad(loss, list(own.values()), materialize_grads=True)
        return dict(zip(own, gradients, strict=True)), loss.detach()
