"""Files inside the page, as data: links, and links from the page to files beside it."""

from __future__ import annotations

import base64
import gzip
import io
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from PIL import Image

_COMPRESS_FROM = 100_000


@dataclass(frozen=True)
class DataLink:
    """A file carried by the page itself: the link, the name it is saved under, and its size in words."""

    href: str
    filename: str
    size: str


def csv_link(name: str, content: bytes) -> DataLink:
    """A table as a data: link; a large one is compressed (``.csv.gz``, which pandas and R read as it is)."""
    filename, kind, packed = f"{name}.csv", "text/csv", content
    if len(content) > _COMPRESS_FROM:
        filename, kind, packed = f"{name}.csv.gz", "application/gzip", gzip.compress(content, mtime=0)
    return DataLink(_data(kind, packed), filename, _size(len(packed)))


def image_source(svg: bytes) -> str:
    """An SVG image as a data: link for ``<img src>``; scripts in an image shown so never run."""
    return _data("image/svg+xml", svg)


def light_image_source(png: bytes) -> str:
    """A PNG image as a data: link with at most 256 colours, which few eyes can tell in a chart: a third of the size."""
    packed = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(packed, "png")
    return _data("image/png", packed.getvalue())


def beside(page: Path, file: Path) -> str:
    """The relative link from a page to a file on the same disk."""
    return relative(os.path.relpath(file, page.parent))


def relative(path: str) -> str:
    """A relative path as a link; colons are escaped, so that no path is taken for a scheme such as ``javascript:``."""
    return quote(path.replace(os.sep, "/").lstrip("/"), safe="/")


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _size(count: int) -> str:
    return f"{max(round(count / 1000), 1)} kB"
