"""The pages' templates, which share one frame, one style sheet and a few pieces."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined

from repbias.report.views import words


def render(name: str, **shown: object) -> bytes:
    """Return a page's HTML, UTF-8; everything shown is escaped."""
    environment = Environment(
        loader=FunctionLoader(_read), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["words"] = words
    html = environment.get_template(name).render(**shown)
    # Lone surrogates, which a file name may hold, cannot be written as UTF-8.
    return html.encode("utf-8", errors="replace")


def _read(name: str) -> str:
    return resources.files("repbias.report").joinpath(name).read_text(encoding="utf-8")
