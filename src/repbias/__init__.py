"""repbias: what does a representation over- and under-represent, and why?

The public names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repbias.layers import read_layers as read_layers
    from repbias.measures import Density as Density
    from repbias.measures import VarianceExplained as VarianceExplained
    from repbias.measures import VarianceFitter as VarianceFitter
    from repbias.measures import density as density
    from repbias.measures import variance_explained as variance_explained
    from repbias.models import MLP as MLP
    from repbias.models import Model as Model
    from repbias.statistics import mean_interval as mean_interval
    from repbias.tasks import BooleanFeature as BooleanFeature
    from repbias.tasks import BooleanTask as BooleanTask
    from repbias.tasks import SymbolTask as SymbolTask
    from repbias.tasks import Task as Task
    from repbias.tasks import boolean_function as boolean_function
    from repbias.tasks import check_design as check_design
    from repbias.training import SGD as SGD
    from repbias.training import Adam as Adam
    from repbias.training import AdamW as AdamW
    from repbias.training import Muon as Muon
    from repbias.training import Network as Network
    from repbias.training import Networks as Networks
    from repbias.training import Phase as Phase
    from repbias.training import RMSprop as RMSprop
    from repbias.training import Training as Training
    from repbias.training import train as train

__version__ = "0.1.0"

_PUBLIC = {
    "repbias.layers": ("read_layers",),
    "repbias.measures": ("Density", "VarianceExplained", "VarianceFitter", "density", "variance_explained"),
    "repbias.models": ("MLP", "Model"),
    "repbias.statistics": ("mean_interval",),
    "repbias.tasks": ("BooleanFeature", "BooleanTask", "SymbolTask", "Task", "boolean_function", "check_design"),
    "repbias.training": (
        "SGD", "Adam", "AdamW", "Muon", "Network", "Networks", "Phase", "RMSprop", "Training", "train",
    ),
}  # fmt: skip
_HOME = {name: module for module, names in _PUBLIC.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'repbias' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
