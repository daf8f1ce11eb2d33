"""A figure as a page's template lays it out."""

from __future__ import annotations

from dataclasses import dataclass

from repbias.report.figures.figure import Figure, numbers_as_csv
from repbias.report.links import DataLink, csv_link, image_source

_PIXELS_PER_INCH = 96


@dataclass(frozen=True)
class FigureView:
    """A figure inside a page, with its numbers; `svg` and `png` lead to its files where these stay beside the page."""

    anchor: str
    title: str
    caption: str
    source: str
    width: int
    height: int
    numbers: DataLink
    svg: str = ""
    png: str = ""


def figure_view(figure: Figure, image: bytes, svg: str = "", png: str = "") -> FigureView:
    """Return a figure as its page shows it, at 96 pixels an inch, from its SVG image."""
    width, height = figure.drawing.get_size_inches() * _PIXELS_PER_INCH
    return FigureView(
        anchor=f"figure-{figure.name}",
        title=figure.title,
        caption=figure.caption,
        source=image_source(image),
        width=round(width),
        height=round(height),
        numbers=csv_link(figure.name, numbers_as_csv(figure.numbers)),
        svg=svg,
        png=png,
    )
