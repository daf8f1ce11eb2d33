"""Networks by description: frozen specs that build ordinary `nn.Module`s with named layers."""

from typing import Annotated, TypeAlias

from repbias.core.specs import OneOf
from repbias.models.convolutional import ConvNet as ConvNet
from repbias.models.convolutional import ResNet as ResNet
from repbias.models.mlp import MLP as MLP
from repbias.models.model import Model as Model
from repbias.models.model import UserModule as UserModule
from repbias.models.recurrent import Recurrent as Recurrent
from repbias.models.transformer import DecoderOnly as DecoderOnly
from repbias.models.transformer import EncoderDecoder as EncoderDecoder
from repbias.models.transformer import EncoderHeads as EncoderHeads
from repbias.models.vit import ViT as ViT

# Every kind of model that a study can name; the first is the default.
MODEL_KINDS: tuple[type[Model], ...] = (
    MLP, EncoderDecoder, DecoderOnly, EncoderHeads, Recurrent, ConvNet, ResNet, ViT, UserModule,
)  # fmt: skip
AnyModel: TypeAlias = Annotated[Model, OneOf(MODEL_KINDS, "model")]
