"""The templates of pages, which share a frame, a style sheet and macros."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined

from repbias.report.views import words


def render(name: str, **values: object) -> bytes:
    """Return a page's HTML in UTF-8; all values are escaped."""
    environment = Environment(
        loader=FunctionLoader(_read), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["words"] = words
    html = environment.get_template(name).render(**values)
    # Lone surrogates, which a file name may hold, cannot be written as UTF-8.
    return html.encode("utf-8", errors="replace")


def _read(name: str) -> str:
    return resources.files("repbias.report").joinpath(name).read_text(encoding="utf-8")
