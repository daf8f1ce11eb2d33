"""repbias: what does a representation over- and under-represent, and why?

The public names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repbias.auditing.adapters import from_rsatoolbox as from_rsatoolbox
    from repbias.auditing.adapters import from_xarray as from_xarray
    from repbias.auditing.arrays import audit_arrays as audit_arrays
    from repbias.auditing.cache import from_cache as from_cache
    from repbias.auditing.model import audit as audit
    from repbias.auditing.result import AuditReport as AuditReport
    from repbias.auditing.streaming.audit import audit_stream as audit_stream
    from repbias.auditing.streaming.model import stream_activity as stream_activity
    from repbias.layers import editing as editing
    from repbias.layers import read_layers as read_layers
    from repbias.measures import Density as Density
    from repbias.measures import VarianceExplained as VarianceExplained
    from repbias.measures import VarianceFitter as VarianceFitter
    from repbias.measures import density as density
    from repbias.measures import variance_explained as variance_explained
    from repbias.measures.ablation import ablate as ablate
    from repbias.measures.cca import mean_cca as mean_cca
    from repbias.measures.cca import svcca as svcca
    from repbias.measures.cka import cka as cka
    from repbias.measures.cka import kernel_cka as kernel_cka
    from repbias.measures.cka_fitter import CKAFitter as CKAFitter
    from repbias.measures.clustering import clustering as clustering
    from repbias.measures.clustering import neighbour_purity as neighbour_purity
    from repbias.measures.clustering import tsne as tsne
    from repbias.measures.compare_rdms import compare_many as compare_many
    from repbias.measures.compare_rdms import compare_rdms as compare_rdms
    from repbias.measures.components import components as components
    from repbias.measures.crossnobis import crossnobis_rdm as crossnobis_rdm
    from repbias.measures.crossnobis import noise_covariance as noise_covariance
    from repbias.measures.debias import equalize as equalize
    from repbias.measures.dictionary import feature_in_latents as feature_in_latents
    from repbias.measures.erasure import leace as leace
    from repbias.measures.erasure import projection_eraser as projection_eraser
    from repbias.measures.pairing import pairs_differing_in as pairs_differing_in
    from repbias.measures.patching import patch as patch
    from repbias.measures.patching import patch_subspace as patch_subspace
    from repbias.measures.probes import controlled_probe as controlled_probe
    from repbias.measures.probes import probe as probe
    from repbias.measures.procrustes import procrustes as procrustes
    from repbias.measures.rdm import mahalanobis_rdm as mahalanobis_rdm
    from repbias.measures.rdm import rdm as rdm
    from repbias.measures.reliance import reliance as reliance
    from repbias.measures.reliance import reliance_sweep as reliance_sweep
    from repbias.measures.sparse_autoencoder import train_autoencoder as train_autoencoder
    from repbias.measures.sparse_probes import sparse_probe as sparse_probe
    from repbias.measures.steering import steer as steer
    from repbias.measures.steering_directions import difference_vector as difference_vector
    from repbias.measures.steering_directions import probe_direction as probe_direction
    from repbias.measures.system_regression import system_regression as system_regression
    from repbias.measures.truncation import components_needed as components_needed
    from repbias.measures.truncation import truncated as truncated
    from repbias.models import MLP as MLP
    from repbias.models import ConvNet as ConvNet
    from repbias.models import DecoderOnly as DecoderOnly
    from repbias.models import EncoderDecoder as EncoderDecoder
    from repbias.models import EncoderHeads as EncoderHeads
    from repbias.models import Model as Model
    from repbias.models import Recurrent as Recurrent
    from repbias.models import ResNet as ResNet
    from repbias.models import ViT as ViT
    from repbias.statistics import mean_interval as mean_interval
    from repbias.tasks import BooleanFeature as BooleanFeature
    from repbias.tasks import BooleanTask as BooleanTask
    from repbias.tasks import ImageFeature as ImageFeature
    from repbias.tasks import ImageTask as ImageTask
    from repbias.tasks import StringTask as StringTask
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
    "repbias.layers": ("editing", "read_layers"),
    "repbias.measures": ("Density", "VarianceExplained", "VarianceFitter", "density", "variance_explained"),
    "repbias.measures.ablation": ("ablate",),
    "repbias.measures.cca": ("mean_cca", "svcca"),
    "repbias.measures.cka": ("cka", "kernel_cka"),
    "repbias.measures.cka_fitter": ("CKAFitter",),
    "repbias.measures.clustering": ("clustering", "neighbour_purity", "tsne"),
    "repbias.measures.compare_rdms": ("compare_many", "compare_rdms"),
    "repbias.measures.components": ("components",),
    "repbias.measures.crossnobis": ("crossnobis_rdm", "noise_covariance"),
    "repbias.measures.debias": ("equalize",),
    "repbias.measures.dictionary": ("feature_in_latents",),
    "repbias.measures.erasure": ("leace", "projection_eraser"),
    "repbias.measures.pairing": ("pairs_differing_in",),
    "repbias.measures.patching": ("patch", "patch_subspace"),
    "repbias.measures.probes": ("controlled_probe", "probe"),
    "repbias.measures.procrustes": ("procrustes",),
    "repbias.measures.rdm": ("mahalanobis_rdm", "rdm"),
    "repbias.measures.reliance": ("reliance", "reliance_sweep"),
    "repbias.measures.sparse_autoencoder": ("train_autoencoder",),
    "repbias.measures.sparse_probes": ("sparse_probe",),
    "repbias.measures.steering": ("steer",),
    "repbias.measures.steering_directions": ("difference_vector", "probe_direction"),
    "repbias.measures.system_regression": ("system_regression",),
    "repbias.measures.truncation": ("components_needed", "truncated"),
    "repbias.models": (
        "MLP", "ConvNet", "DecoderOnly", "EncoderDecoder", "EncoderHeads", "Model", "Recurrent", "ResNet", "ViT",
    ),
    "repbias.auditing.adapters": ("from_rsatoolbox", "from_xarray"),
    "repbias.auditing.arrays": ("audit_arrays",),
    "repbias.auditing.cache": ("from_cache",),
    "repbias.auditing.model": ("audit",),
    "repbias.auditing.result": ("AuditReport",),
    "repbias.auditing.streaming.audit": ("audit_stream",),
    "repbias.auditing.streaming.model": ("stream_activity",),
    "repbias.statistics": ("mean_interval",),
    "repbias.tasks": (
        "BooleanFeature", "BooleanTask", "ImageFeature", "ImageTask", "StringTask", "SymbolTask", "Task",
        "boolean_function", "check_design",
    ),
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
