"""Networks by description: frozen specs that build ordinary `nn.Module`s with named layers."""

from repbias.models.mlp import MLP
from repbias.models.model import Model

__all__ = ["MLP", "Model"]
