"""A figure of a page: a drawing, its caption and every drawn number; and how it is written to disk."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.figure
import pandas as pd

from repbias.core import atomic
from repbias.figures.style import canvas, house_style, say

_COORDINATES = re.compile(r'(?<= [dxy]=")[^"]*')
_LONG_DECIMALS = re.compile(r"(\.\d\d)\d+")
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


@dataclass(frozen=True)
class Figure:
    """A drawing with its title, its caption and its numbers.

    Attributes
    ----------
    name : file name without ending, made of lower-case letters, digits and hyphens.
    title : one line.
    caption : what is drawn, in which units, over how many networks.
    drawing : the Matplotlib figure; it belongs to no pyplot state.
    numbers : every number drawn, tidy; the column ``mark`` says what a row is drawn as.

    Raises
    ------
    ValueError : if `name` could not be a file name everywhere.
    """

    name: str
    title: str
    caption: str
    drawing: matplotlib.figure.Figure
    numbers: pd.DataFrame

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise ValueError(
                f"A figure's name becomes a file name: lower-case letters, digits and hyphens, such as "
                f"'learning-curves'; got {self.name!r}."
            )


def empty_figure(name: str, title: str, sentence: str, numbers: pd.DataFrame) -> Figure:
    """Return a figure of one sentence, which says why there is nothing to draw."""
    with house_style():
        drawing = canvas(6.5, 1.2)
        axes = drawing.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        say(axes, sentence)
        return Figure(name, title, sentence, drawing, numbers)


@dataclass(frozen=True)
class FigureFiles:
    """The paths of the three files of one figure."""

    svg: Path
    png: Path
    csv: Path


def save_figure(figure: Figure, folder: Path) -> FigureFiles:
    """Write a figure as SVG, PNG and CSV; the same figure gives the same bytes.

    Text becomes paths, so the SVG looks alike everywhere; it carries no date. Each file appears whole or not at all.

    Parameters
    ----------
    figure : what one of the figure functions returned.
    folder : made if it is missing; files of the same name are replaced.

    Returns
    -------
    the three paths, ``folder/name.svg``, ``.png`` and ``.csv``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = FigureFiles(*(folder / f"{figure.name}.{ending}" for ending in ("svg", "png", "csv")))
    atomic.write_file(files.svg, svg_of(figure.drawing))
    atomic.write_file(files.png, png_of(figure.drawing))
    atomic.write_file(files.csv, numbers_as_csv(figure.numbers))
    return files


def numbers_as_csv(numbers: pd.DataFrame) -> bytes:
    """The CSV form of a figure's numbers, UTF-8, six significant digits."""
    text: str = numbers.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    return text.encode()


def svg_of(drawing: matplotlib.figure.Figure) -> bytes:
    """SVG whose path coordinates keep two decimals of a point, which halves the size without a visible difference."""
    text = _image(drawing, format="svg", dpi=300, metadata=_NO_METADATA).decode()
    return _COORDINATES.sub(lambda path: _LONG_DECIMALS.sub(r"\1", path.group()), text).encode()


def png_of(drawing: matplotlib.figure.Figure) -> bytes:
    """PNG without a date or the name of a program."""
    return _image(drawing, format="png", dpi=150, metadata={"Software": None})


def _image(drawing: matplotlib.figure.Figure, **settings: Any) -> bytes:
    buffer = io.BytesIO()
    with house_style(), warnings.catch_warnings():
        # A name in a script the font lacks is drawn as boxes; the CSV and the page still carry it as it is.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        drawing.savefig(buffer, **settings)
    return buffer.getvalue()
