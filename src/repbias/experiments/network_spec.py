"""A network: everything that decides what one trained network and its measurements are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from repbias.core.specs import Spec, digest
from repbias.models import (
    MLP,
    ConvNet,
    DecoderOnly,
    EncoderDecoder,
    EncoderHeads,
    Recurrent,
    ResNet,
    UserModule,
    ViT,
)
from repbias.tasks import BooleanTask, ImageTask, StringTask, SymbolTask
from repbias.training import Training


def _kind(default: str) -> Callable[[Any], str]:
    """Return a function that finds the kind of a spec; one that names none has the default."""

    def kind(given: Any) -> str:
        return str(given.get("kind", default) if isinstance(given, dict) else getattr(given, "kind", default))

    return kind


AnyTask = Annotated[
    Annotated[BooleanTask, Tag("boolean")]
    | Annotated[SymbolTask, Tag("symbol")]
    | Annotated[StringTask, Tag("string")]
    | Annotated[ImageTask, Tag("image")],
    Discriminator(
        _kind("boolean"),
        custom_error_type="task_kind",
        custom_error_message="Input should have kind 'boolean', 'symbol', 'string' or 'image'",
    ),
]
AnyModel = Annotated[
    Annotated[MLP, Tag("mlp")]
    | Annotated[EncoderDecoder, Tag("encoder_decoder")]
    | Annotated[DecoderOnly, Tag("decoder_only")]
    | Annotated[EncoderHeads, Tag("encoder_heads")]
    | Annotated[Recurrent, Tag("recurrent")]
    | Annotated[ConvNet, Tag("convnet")]
    | Annotated[ResNet, Tag("resnet")]
    | Annotated[ViT, Tag("vit")]
    | Annotated[UserModule, Tag("user")],
    Discriminator(
        _kind("mlp"),
        custom_error_type="model_kind",
        custom_error_message="Input should have kind 'mlp', 'encoder_decoder', 'decoder_only', 'encoder_heads', "
        "'recurrent', 'convnet', 'resnet', 'vit' or 'user'",
    ),
]
# Part of every run's identity: raise it when a change to the code changes what a run computes.
RESULTS_VERSION = 3


class NetworkSpec(Spec):
    """Everything that decides what one trained network and its measurements are; its digest names the run."""

    task: AnyTask
    model: AnyModel
    training: Training
    layers: tuple[str, ...]
    measures: dict[str, str]
    seed: Annotated[int, Field(ge=0)]

    @property
    def run_id(self) -> str:
        """The name of the run's folder: the same settings have the same first part, the seed is the second."""
        settings = self.model_copy(update={"seed": 0}).canonical_json()
        return f"{digest(f'{RESULTS_VERSION} {settings}')}-{self.seed:04d}"
