"""Networks by description: frozen specs that build ordinary `nn.Module`s with named layers."""

from repbias.models.convnet import ConvNet
from repbias.models.mlp import MLP
from repbias.models.model import Model
from repbias.models.recurrent import Recurrent
from repbias.models.resnet import ResNet
from repbias.models.transformer import DecoderOnly, EncoderDecoder, EncoderHeads
from repbias.models.user import UserModule
from repbias.models.vit import ViT

__all__ = [
    "MLP",
    "ConvNet",
    "DecoderOnly",
    "EncoderDecoder",
    "EncoderHeads",
    "Model",
    "Recurrent",
    "ResNet",
    "UserModule",
    "ViT",
]
