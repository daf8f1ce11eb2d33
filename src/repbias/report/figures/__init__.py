"""Figures: pure functions from tidy tables to drawings that carry their numbers."""

from repbias.report.figures.curves import learning_curves
from repbias.report.figures.figure import Figure, FigureFiles, save_figure
from repbias.report.figures.forest import claim_forest
from repbias.report.figures.gap import feature_gap
from repbias.report.figures.histogram import unit_histogram
from repbias.report.figures.layers import layer_profile

__all__ = [
    "Figure",
    "FigureFiles",
    "claim_forest",
    "feature_gap",
    "layer_profile",
    "learning_curves",
    "save_figure",
    "unit_histogram",
]
