"""Weights of trained networks: as bytes, and put into modules that are made again."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from safetensors.torch import save
from torch import Tensor, nn

from repbias.training.job import Outcome


def packed(weights: Mapping[str, Tensor]) -> bytes:
    """Return tensors by name in the format of safetensors."""
    # Clones, because safetensors refuses tensors that share memory.
    return save({name: tensor.detach().cpu().clone().contiguous() for name, tensor in weights.items()})


def put_weights(module: nn.Module, outcome: Outcome) -> None:
    """Copy the final weights and buffers of a network into a module.

    Raises
    ------
    ValueError : the module's tensors have other names or shapes than those of the network.
    """
    own = dict(module.named_parameters()) | dict(module.named_buffers())
    for name in sorted(own.keys() | outcome.state.keys()):
        made, trained = (list(one[name].shape) if name in one else "absent" for one in (own, outcome.state))
        if made != trained:
            raise ValueError(
                f"the network of seed {outcome.seed} cannot be made again: the shape of the tensor {name!r} is "
                f"{trained} in the trained network, and {made} in its model; give the model with which it was trained"
            )
    with torch.no_grad():  # `load_state_dict` expects tied weights twice, and no buffers outside the state dict
        for name, tensor in outcome.state.items():
            own[name].copy_(tensor)
