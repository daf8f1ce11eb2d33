"""A place in a network where causal edits are made: forward passes with and without an edit, and what they predict."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from repbias.activations.layers import Edit, editing, evaluating, match_layers
from repbias.core.arrays import ArrayLike, as_labels
from repbias.core.specs import did_you_mean

Predict: TypeAlias = Callable[[Any], ArrayLike]


def binary_predictions(output: object) -> Tensor:
    """Return the labels that a module with one logit for each binary feature predicts: 1 where the logit is above 0.

    Parameters
    ----------
    output : logits `[stimulus, feature]`, or `[stimulus]` where there is one feature.

    Returns
    -------
    Labels 0 and 1, `[stimulus, feature]`.

    Raises
    ------
    ValueError : another shape, or a logit that is NaN.
    TypeError : the output is not a tensor.
    """
    if not isinstance(output, Tensor):
        raise TypeError(
            f"the module returns {type(output).__name__}, not logits [stimulus, feature]: give predict, a function of "
            "what the module returns to labels [stimulus, feature]"
        )
    if output.ndim not in (1, 2):
        raise ValueError(
            f"the module returns shape {tuple(output.shape)}, not logits [stimulus, feature]: give predict, e.g. "
            "predict=lambda output: output.argmax(-1)"
        )
    if bool(output.isnan().any()):
        raise ValueError("the module returns logits that are NaN: look for what makes them, e.g. too large a push")
    return (output > 0).long().reshape(len(output), -1)


def unedited(output: Tensor) -> Tensor:
    """Return the layer's output as it is: the edit that changes nothing.

    Passes without an edit use it all the same, since some modules take a faster path, and round otherwise, where no
    hook is in place.
    """
    return output


@dataclass(frozen=True, eq=False)
class Site:
    """One layer of a module, and how the module's output is read. Everything runs in eval mode, without gradients."""

    module: nn.Module
    layer: str
    predict: Predict

    @classmethod
    def find(cls, module: nn.Module, layer: str, predict: Predict) -> Site:
        """Return the site, where exactly one layer of `module` has that name or pattern."""
        if not isinstance(layer, str):
            raise TypeError(f"layer must be the name of one layer, got {type(layer).__name__} {layer!r}")
        if len(names := match_layers(module, layer)) > 1:
            raise ValueError(f"layer must name one layer, {layer!r} matches {len(names)}: {', '.join(names)}")
        return cls(module, names[0], predict)

    def run(self, inputs: Tensor, edit: Edit) -> Any:
        """Return what the module returns for `inputs` while the layer's output is edited."""
        calls = 0

        def once(output: Tensor) -> Tensor:
            nonlocal calls
            calls += 1
            if calls > 1:
                raise ValueError(
                    f"layer {self.layer!r} is called more than once in a forward pass, so where to edit is ambiguous: "
                    "name a layer that is called once"
                )
            if output.ndim < 2 or len(output) != len(inputs):
                raise ValueError(
                    f"layer {self.layer!r} returns shape {tuple(output.shape)} for {len(inputs)} stimuli; a layer is "
                    "[stimulus, ..., unit]"
                )
            return edit(output)

        with torch.no_grad(), evaluating(self.module), editing(self.module, {self.layer: once}):
            return self.module(inputs)

    def predictions(self, inputs: Tensor, edit: Edit) -> Tensor:
        """Return the predicted labels `[stimulus, feature]`, on the CPU, while the layer's output is edited."""
        return self.labels(self.run(inputs, edit), inputs)

    def labels(self, output: Any, inputs: Tensor) -> Tensor:
        """Return the labels `[stimulus, feature]`, on the CPU, that the module's output stands for."""
        return as_labels(self.predict(output), inputs, "the predicted labels").cpu()

    def read(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the layer's output `[stimulus, ..., unit]` and the predictions, with nothing edited."""
        seen: list[Tensor] = []

        def keep(output: Tensor) -> Tensor:
            seen.append(output)
            return output

        predicted = self.predictions(inputs, keep)
        return seen[0], predicted

    def read_all(self, inputs: Tensor, batch: int) -> tuple[Tensor, Tensor]:
        """Return what `read` does for any number of stimuli, `batch` in one forward pass."""
        parts = [self.read(chunk) for chunk in inputs.split(batch)]
        return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])


def refuse_unusable(inputs: Tensor, batch: int, what: str = "inputs") -> None:
    """Raise where there is nothing to run."""
    if not isinstance(inputs, Tensor):
        raise TypeError(f"{what} must be a torch tensor [stimulus, ...], got {type(inputs).__name__}")
    if inputs.ndim == 0 or len(inputs) == 0:
        raise ValueError(f"{what} must hold at least one stimulus, got shape {tuple(inputs.shape)}")
    if batch < 1:
        raise ValueError(f"batch must be 1 or more, got {batch}")


def feature_index(feature: int | str, names: Sequence[str]) -> int:
    """Return a feature's place among the names."""
    if isinstance(feature, str):
        if feature not in names:
            raise ValueError(f"no feature is called {feature!r}; {did_you_mean(feature, names)}")
        return names.index(feature)
    if not 0 <= feature < len(names):
        raise ValueError(f"feature must be a name or from 0 to {len(names) - 1}, got {feature}")
    return feature


def tensors(value: Any) -> Iterator[Tensor]:
    """Yield every tensor in a module's output: itself, or those inside tuples, lists and mappings."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from tensors(part)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from tensors(part)


def as_layer_shape(n_values: int, response: Tensor, layer: str, what: str) -> tuple[int, ...]:
    """Return the shape in which vectors of `n_values` are meant: `[unit]` at each position, or all positions at once.

    `read_layers` gives the first with `axes="mean"` and the second with `axes="flatten"`.
    """
    if not response.is_floating_point():
        raise TypeError(
            f"layer {layer!r} returns {response.dtype}, in which no vector can be added: edit a later layer"
        )
    shape = tuple(response.shape[1:])
    if n_values == shape[-1]:
        return shape[-1:]
    if n_values == response[0].numel():
        return shape
    positions = f", or for each of the {response[0].numel()} positions and units" if len(shape) > 1 else ""
    raise ValueError(
        f"{what} has {n_values} units, layer {layer!r} returns {list(shape)} for each stimulus: give one value for "
        f"each of the {shape[-1]} units{positions}"
    )
