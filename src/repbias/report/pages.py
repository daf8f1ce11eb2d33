"""Results as pages: one HTML file each, complete in itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from repbias.audit.report import AuditReport
from repbias.report.audit_page import audit_page
from repbias.report.files import write_whole

PAGES: dict[type, Callable[[Any], bytes]] = {AuditReport: audit_page}
"""The page of each type of result, as HTML. A new page is added here; its result inherits `core.results.HasPage`."""

_MARK = b'<meta name="generator" content="repbias">'  # in the head of every page, see base.html.jinja
_HEAD = 1_000  # bytes within which the mark lies


def save_html(result: object, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a result as one HTML page without scripts, with figures and numbers inside, which needs no network.

        repbias.save_html(report, "audit.html")

    The page appears whole or not at all, and folders are made as needed. A page that repbias wrote before is replaced;
    any other file of that name is left alone unless `overwrite` is set.

    Parameters
    ----------
    result : an `AuditReport`.
    path : the file to write, which ends in ``.html``.
    overwrite : whether to replace a file that repbias did not write.

    Returns
    -------
    The path, as a `Path`.

    Raises
    ------
    TypeError : a result that has no page.
    ValueError : a path that does not end in ``.html``, or that is a folder; a table of the result that lacks a column.
    FileExistsError : a file that repbias did not write is in the way.
    """
    for kind, page in PAGES.items():
        if isinstance(result, kind):
            return write_whole(check_page_path(path, overwrite=overwrite), page(result))
    known = ", ".join(kind.__name__ for kind in PAGES)
    raise TypeError(f"save_html writes pages of {known}, got {type(result).__name__}")


def check_page_path(path: str | Path, *, overwrite: bool = False) -> Path:
    """Return the path of a page, or say why no page can be written there; see `save_html`."""
    path = Path(path)
    if path.suffix.lower() != ".html":
        raise ValueError(
            f"a page is written as HTML, so its path ends in .html, got {str(path)!r}: use {path.stem}.html"
        )
    if path.is_dir():
        raise ValueError(f"cannot write {path}: it is a folder; name a file in it")
    if path.exists() and not overwrite:
        with path.open("rb") as file:
            if _MARK not in file.read(_HEAD):
                raise FileExistsError(
                    f"{path} exists and is no page of repbias: choose another path, or replace it with overwrite=True"
                )
    return path
