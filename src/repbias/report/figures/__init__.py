"""Figures: functions from tidy tables to drawings that carry their numbers, one file per figure."""

from repbias.report.figures.figure import Figure, FigureFiles, save_figure

__all__ = ["Figure", "FigureFiles", "save_figure"]
