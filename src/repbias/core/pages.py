"""Results that can be written as a page: the one place where a lower package reaches up to the pages of `report`."""

from __future__ import annotations

import importlib
from pathlib import Path


class HasPage:
    """A result of which `repbias.save_html` can write a page."""

    def save_html(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the result as one HTML page that needs no network; see `repbias.save_html`."""
        # Drawing pages needs Matplotlib and templates, measuring does not; so this is looked up when it is called, and
        # no package below `report` imports it.
        written: Path = importlib.import_module("repbias.report.pages").save_html(self, path, overwrite=overwrite)
        return written
