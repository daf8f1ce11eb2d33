"""A figure: a drawing, its caption and every drawn number; and how it is written to disk."""

from __future__ import annotations

import base64
import html
import io
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib
import matplotlib.figure
import pandas as pd

from repbias.core import atomic
from repbias.figures.style import Style, applied, canvas, current, say

_COORDINATES = re.compile(r'(?<= [dxy]=")[^"]*')
_LONG_DECIMALS = re.compile(r"(\.\d\d)\d+")
_NO_METADATA: dict[str, dict[str, None]] = {
    "svg": dict.fromkeys(("Date", "Creator", "Format", "Type")),
    "pdf": dict.fromkeys(("CreationDate", "Creator", "Producer")),
    "png": {"Software": None},
}
_PIXELS_PER_INCH = 96


@dataclass(frozen=True)
class Figure:
    """A drawing with its title, its caption and its numbers; a notebook shows all but the numbers.

    Attributes
    ----------
    name : file name without ending, made of lower-case letters, digits and hyphens.
    title : one line.
    caption : what is drawn, in which units, over how many networks.
    drawing : the Matplotlib figure; it belongs to no pyplot state.
    numbers : every number drawn, tidy; the column ``mark`` says what a row is drawn as.
    style : the style in which it is drawn, "repbias" or "user".

    Raises
    ------
    ValueError : if `name` could not be a file name everywhere.

    Examples
    --------
    >>> import repbias
    >>> task = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"})
    >>> phase = repbias.Phase(until="steps", steps=20)
    >>> networks = repbias.train(task, repbias.MLP(widths=(16, 16)), seeds=2, training={"phases": [phase]})
    >>> figure = networks.plot("learning")
    >>> figure.title
    'Learning curves'
    >>> figure.numbers["mark"].unique().tolist()
    ['seed', 'mean', 'criterion']
    >>> figure.save("learning.pdf").name
    'learning.pdf'
    """

    name: str
    title: str
    caption: str
    drawing: matplotlib.figure.Figure
    numbers: pd.DataFrame
    style: Style = field(default_factory=current)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise ValueError(
                f"A figure's name becomes a file name: lower-case letters, digits and hyphens, such as "
                f"'learning-curves'; got {self.name!r}."
            )

    def save(self, path: str | Path, *, dpi: float = 300) -> Path:
        """Write the drawing as PDF, SVG or PNG, by the ending of the path.

        Text stays text in PDF and SVG, so that it can be searched and edited. The file appears whole or not at all;
        folders are made as needed. A picture of this name is replaced; since the path ends in .pdf, .svg or .png, a
        file of another kind is never replaced.

        Parameters
        ----------
        path : the file to write, which ends in ``.pdf``, ``.svg`` or ``.png``.
        dpi : dots per inch of a PNG, and of parts of a PDF or SVG that are stored as an image.

        Returns
        -------
        The path, as a `Path`.

        Raises
        ------
        ValueError : a path with another ending, or that is a folder; nothing is written.
        """
        path = Path(path)
        kind = path.suffix.lower().removeprefix(".")
        if kind not in _NO_METADATA:
            raise ValueError(
                f"a figure is written as PDF, SVG or PNG, so its path ends in .pdf, .svg or .png, got {str(path)!r}: "
                f"use {path.stem or self.name}.pdf"
            )
        if path.is_dir():
            raise ValueError(f"cannot write {path}: it is a folder; name a file in it")
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_file(path, _image(self, kind, dpi, text_as_text=True))
        return path

    def _repr_html_(self) -> str:
        width = round(self.drawing.get_size_inches()[0] * _PIXELS_PER_INCH)
        source = base64.b64encode(png_of(self)).decode()
        title, caption = html.escape(self.title), html.escape(self.caption)
        return (
            f'<figure style="margin:0;max-width:{width}px">'
            f'<img alt="{title}" width="{width}" style="max-width:100%" src="data:image/png;base64,{source}">'
            f"<figcaption><b>{title}.</b> {caption}</figcaption></figure>"
        )


def empty_figure(name: str, title: str, sentence: str, numbers: pd.DataFrame) -> Figure:
    """Return a figure of one sentence, which says why there is nothing to draw."""
    with applied():
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

    Text becomes paths, so that the SVG looks alike on every machine: a browser without the font would set text in
    another one, of other widths. The SVG carries no date. Each file appears whole or not at all.

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
    atomic.write_file(files.svg, svg_of(figure))
    atomic.write_file(files.png, png_of(figure))
    atomic.write_file(files.csv, numbers_as_csv(figure.numbers))
    return files


def numbers_as_csv(numbers: pd.DataFrame) -> bytes:
    """The CSV form of a figure's numbers, UTF-8, six significant digits."""
    text: str = numbers.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    return text.encode()


def svg_of(figure: Figure) -> bytes:
    """SVG with text as paths, whose coordinates keep two decimals of a point: half the size, and no visible change."""
    text = _image(figure, "svg", dpi=300, text_as_text=False).decode()
    return _COORDINATES.sub(lambda path: _LONG_DECIMALS.sub(r"\1", path.group()), text).encode()


def png_of(figure: Figure, dpi: float = 150) -> bytes:
    """PNG without a date or the name of a program."""
    return _image(figure, "png", dpi)


def _image(figure: Figure, kind: str, dpi: float, *, text_as_text: bool = False) -> bytes:
    buffer = io.BytesIO()
    with applied(figure.style), warnings.catch_warnings():
        matplotlib.rcParams.update(
            {"svg.fonttype": "none" if text_as_text else "path", "svg.hashsalt": "repbias", "pdf.fonttype": 42}
        )
        # A name in a script the font lacks is drawn as boxes; the CSV and the page still carry it as it is.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.drawing.savefig(buffer, format=kind, dpi=dpi, metadata=_NO_METADATA[kind])
    return buffer.getvalue()
