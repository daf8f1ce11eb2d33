"""Tables in, pictures and one offline HTML page out. Nothing here trains or computes a statistic."""

from repbias.report.content import PageContent
from repbias.report.figures import (
    Figure,
    FigureFiles,
    claim_forest,
    condition_map,
    feature_gap,
    forms_grid,
    layer_contents,
    layer_profile,
    learning_curves,
    save_figure,
    trend,
    unit_histogram,
)
from repbias.report.page import write_page

__all__ = [
    "Figure",
    "FigureFiles",
    "PageContent",
    "claim_forest",
    "condition_map",
    "feature_gap",
    "forms_grid",
    "layer_contents",
    "layer_profile",
    "learning_curves",
    "save_figure",
    "trend",
    "unit_histogram",
    "write_page",
]
