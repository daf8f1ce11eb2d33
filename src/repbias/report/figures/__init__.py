"""Figures: pure functions from tidy tables to drawings that carry their numbers."""

from repbias.report.figures.analysis_curves import analysis_curves
from repbias.report.figures.channels import channel_spread
from repbias.report.figures.contents import layer_contents
from repbias.report.figures.curves import learning_curves
from repbias.report.figures.effects import factor_effects
from repbias.report.figures.figure import Figure, FigureFiles, save_figure
from repbias.report.figures.forest import claim_forest
from repbias.report.figures.gap import feature_gap
from repbias.report.figures.grid import condition_map, forms_grid
from repbias.report.figures.histogram import unit_histogram
from repbias.report.figures.ladder import ladder
from repbias.report.figures.layers import layer_profile
from repbias.report.figures.network_matrix import network_matrix
from repbias.report.figures.positions import position_profile, position_slopes
from repbias.report.figures.stimulus_map import stimulus_map
from repbias.report.figures.trend import trend

__all__ = [
    "Figure",
    "FigureFiles",
    "analysis_curves",
    "channel_spread",
    "claim_forest",
    "condition_map",
    "factor_effects",
    "feature_gap",
    "forms_grid",
    "ladder",
    "layer_contents",
    "layer_profile",
    "learning_curves",
    "network_matrix",
    "position_profile",
    "position_slopes",
    "save_figure",
    "stimulus_map",
    "trend",
    "unit_histogram",
]
