"""Public names that a page or a docstring shows as code link to their page in the reference."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

import repbias

ABOUT_STUDIES = ("results/", "reference/studies")  # pages on which `reliance` is a study, and not the function


class LinkPublicNames(SphinxTransform):
    """Wrap each inline code that is a public name, with or without ``repbias.`` and ``()``, in a link."""

    default_priority = 200

    def apply(self, **kwargs: Any) -> None:
        """Change the document in place."""
        for code in list(self.document.findall(nodes.literal)):
            if isinstance(code.parent, nodes.reference | addnodes.pending_xref | nodes.title):
                continue
            name = code.astext().removesuffix("()").removeprefix("repbias.")
            if name in repbias.__all__ and ("." in code.astext() or not self.env.docname.startswith(ABOUT_STUDIES)):
                target = {"refdomain": "py", "reftype": "obj", "reftarget": f"repbias.{name}"}
                code.replace_self(addnodes.pending_xref("", code.deepcopy(), refdoc=self.env.docname, **target))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_transform(LinkPublicNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
