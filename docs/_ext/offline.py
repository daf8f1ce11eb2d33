"""The built pages need no network: a script, style, image or frame from elsewhere is an error of the build."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

_FROM_ELSEWHERE = re.compile(
    r'<(?:script|img|iframe|source)\b[^>]*\bsrc="(?:https?:)?//|<link\b[^>]*\bhref="(?:https?:)?//'
)


def check_pages(app: Sphinx, exception: Exception | None) -> None:
    """Raise an error that names the pages with something from elsewhere."""
    if exception is None and app.builder.format == "html":
        pages = sorted(Path(app.outdir).rglob("*.html"))
        wrong = [str(p.relative_to(app.outdir)) for p in pages if _FROM_ELSEWHERE.search(p.read_text(encoding="utf-8"))]
        if wrong:
            raise ExtensionError(f"these pages load something from the network: {', '.join(wrong)}")


def setup(app: Sphinx) -> dict[str, bool]:
    """Check the pages when they are written."""
    app.connect("build-finished", check_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
