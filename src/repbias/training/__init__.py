"""Training: many networks at once, each reproducible on its own."""

from repbias.training.curriculum import Phase, Training
from repbias.training.network import Network
from repbias.training.networks import Networks, load_networks
from repbias.training.optimizers import SGD, Adam, AdamW, Muon, Optimizer, RMSprop
from repbias.training.train import train

__all__ = [
    "SGD", "Adam", "AdamW", "Muon", "Network", "Networks", "Optimizer", "Phase", "RMSprop", "Training",
    "load_networks", "train",
]  # fmt: skip
