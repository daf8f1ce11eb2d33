"""What all pages share: words, tables, verdicts, links, figures, and the templates that lay them out."""

from __future__ import annotations

import base64
import gzip
import io
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
from jinja2 import Environment, FunctionLoader, StrictUndefined
from PIL import Image

from repbias.core import atomic
from repbias.figures.figure import Figure, numbers_as_csv, png_of, svg_of

_PIXELS_PER_INCH = 96
_HEAVY_IMAGE = 900_000  # characters; a picture of many layers is lighter as PNG
_COMPRESS_FROM = 100_000
_SIGNS = {
    "replicated": ("yes", "●"),
    "no effect": ("no", "✕"),
    "reversed": ("no", "✕"),
    "contradicted": ("no", "✕"),
    "mixed": ("mixed", "◆"),
    "descriptive": ("none", "–"),
    "no data": ("none", "–"),
    "not studied": ("none", "–"),
}


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all, replacing what was there; folders are made as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_file(path, content)
    return path


def render(name: str, **values: object) -> bytes:
    """Return a page's HTML in UTF-8; all values are escaped."""
    environment = Environment(
        loader=FunctionLoader(_read), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(words=words, verdict=verdict_view)
    html = environment.get_template(name).render(**values)
    # Lone surrogates, which a file name may hold, cannot be written as UTF-8.
    return html.encode("utf-8", errors="replace")


def _read(name: str) -> str:
    return resources.files("repbias.report").joinpath(name).read_text(encoding="utf-8")


def words(value: object) -> str:
    """A cell as text: numbers with four significant digits, nothing for what is missing."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, float):
        return f"{int(value):,}" if value.is_integer() and abs(value) < 1e12 else f"{value:.4g}".replace("-", "−")
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {words(item)}" for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(words(item) for item in value)
    return str(value)


@dataclass(frozen=True)
class TableView:
    """A table in words: its headings, which columns are numbers, and its rows."""

    headings: list[str]
    numeric: list[bool]
    rows: list[list[str]]


def table_view(frame: pd.DataFrame) -> TableView | None:
    """Any table, or None if it has no rows. Columns without a single value are left out."""
    frame = frame.dropna(axis=1, how="all")
    if frame.empty:
        return None
    numeric = [pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind) for kind in frame.dtypes]
    rows = [[words(cell) for cell in row] for row in frame.astype(object).itertuples(index=False, name=None)]
    return TableView([str(name).replace("_", " ") for name in frame.columns], numeric, rows)


@dataclass(frozen=True)
class VerdictView:
    """A verdict in words, with a sign and a CSS class, so that it does not depend on colour alone."""

    words: str
    css: str
    sign: str


def verdict_view(verdict: object) -> VerdictView:
    """The look of a verdict; other words look like "inconclusive", and a missing verdict is "descriptive"."""
    text = words(verdict) or "descriptive"
    return VerdictView(text, *_SIGNS.get(text, ("none", "○")))


@dataclass(frozen=True)
class DataLink:
    """A file carried by the page itself: the link, the name it is saved under, and its size in words."""

    href: str
    filename: str
    size: str


def csv_link(name: str, table: pd.DataFrame) -> DataLink:
    """A table as a data: link to its CSV; a large one is compressed (``.csv.gz``, which pandas and R read as it is)."""
    content = numbers_as_csv(table)
    filename, kind = f"{name}.csv", "text/csv"
    if len(content) > _COMPRESS_FROM:
        filename, kind, content = f"{name}.csv.gz", "application/gzip", gzip.compress(content, mtime=0)
    return DataLink(_data(kind, content), filename, f"{max(round(len(content) / 1000), 1)} kB")


def light_image_source(png: bytes) -> str:
    """A PNG image as a data: link with at most 256 colours: a third of the size, with little visible difference."""
    return _data("image/png", with_few_colours(png, 256))


def with_few_colours(png: bytes, colours: int, *, optimize: bool = False) -> bytes:
    """Return a PNG image with at most so many colours, packed as tightly as possible where `optimize`."""
    packed = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").quantize(colours, dither=Image.Dither.NONE).save(packed, "png", optimize=optimize)
    return packed.getvalue()


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def beside(page: Path, file: Path) -> str:
    """The relative link from a page to a file on the same disk."""
    return relative(os.path.relpath(file, page.parent))


def relative(path: str) -> str:
    """A relative path as a link; colons are escaped, so that no path is taken for a scheme such as ``javascript:``."""
    return quote(path.replace(os.sep, "/").lstrip("/"), safe="/")


@dataclass(frozen=True)
class FigureView:
    """A figure inside a page, with its numbers; `svg` and `png` lead to its files where these stay beside the page."""

    figure: Figure
    source: str
    numbers: DataLink
    svg: str = ""
    png: str = ""

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height, at 96 pixels per inch."""
        width, height = self.figure.drawing.get_size_inches() * _PIXELS_PER_INCH
        return round(width), round(height)


def figure_view(figure: Figure, image: bytes, svg: str = "", png: str = "") -> FigureView:
    """Return a figure as its page shows it, from its SVG image; scripts in an image shown so never run."""
    return FigureView(figure, _data("image/svg+xml", image), csv_link(figure.name, figure.numbers), svg, png)


def drawn_view(figure: Figure) -> FigureView:
    """Return a figure as a page that stands alone shows it; where its SVG is heavy and a PNG is lighter, as PNG."""
    view = figure_view(figure, svg_of(figure))
    if len(view.source) <= _HEAVY_IMAGE:
        return view
    return replace(view, source=min(view.source, light_image_source(png_of(figure)), key=len))
