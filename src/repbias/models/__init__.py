"""Networks by description: frozen specs that build ordinary `nn.Module`s with named layers."""

from repbias.models.mlp import MLP
from repbias.models.model import Model
from repbias.models.recurrent import Recurrent
from repbias.models.transformer import DecoderOnly, EncoderDecoder, EncoderHeads

__all__ = ["MLP", "DecoderOnly", "EncoderDecoder", "EncoderHeads", "Model", "Recurrent"]
