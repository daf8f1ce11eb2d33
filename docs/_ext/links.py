"""Names that a page or a docstring shows as code link to their page in the reference: public ones, and results."""

from __future__ import annotations

import inspect
import sys
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

import repbias

ABOUT_STUDIES = ("results/", "reference/studies")  # pages on which `reliance` is a study, and not the function


def result_classes() -> dict[str, str]:
    """The classes that public functions return and that are no public names themselves, by name, with their module."""
    functions = [value for value in map(repbias.__getattr__, repbias.__all__) if inspect.isfunction(value)]
    returned = [(sys.modules[f.__module__], f.__annotations__.get("return")) for f in functions]
    classes = [getattr(module, name, None) for module, name in returned if isinstance(name, str)]
    return {
        cls.__name__: f"{cls.__module__}.{cls.__name__}"
        for cls in classes
        if inspect.isclass(cls) and cls.__module__.startswith("repbias.") and cls.__name__ not in repbias.__all__
    }


TARGETS = {name: f"repbias.{name}" for name in repbias.__all__} | result_classes()


class LinkPublicNames(SphinxTransform):
    """Wrap each inline code that is such a name, with or without ``repbias.`` and ``()``, in a link."""

    default_priority = 200

    def apply(self, **kwargs: Any) -> None:
        """Change the document in place."""
        for code in list(self.document.findall(nodes.literal)):
            if isinstance(code.parent, nodes.reference | addnodes.pending_xref | nodes.title):
                continue
            name = code.astext().removesuffix("()").removeprefix("repbias.")
            if name in TARGETS and ("." in code.astext() or not self.env.docname.startswith(ABOUT_STUDIES)):
                target = {"refdomain": "py", "reftype": "obj", "reftarget": TARGETS[name]}
                code.replace_self(addnodes.pending_xref("", code.deepcopy(), refdoc=self.env.docname, **target))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_transform(LinkPublicNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
