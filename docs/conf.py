"""Configuration of the documentation; `make docs` builds it, without a network, into docs/_build/html."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import matplotlib

import repbias

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]
matplotlib.use("agg")
os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # notebooks' kernels otherwise warn about frozen modules
# The kernels' settings: none of the user's own, and no warning that they listen on a local port.
profile = HERE / "_build" / "ipython" / "profile_default"
profile.mkdir(parents=True, exist_ok=True)
(profile / "ipython_kernel_config.py").write_text('get_config().IPKernelApp.log_level = "ERROR"\n', encoding="utf-8")
os.environ["IPYTHONDIR"] = str(profile.parent)

project = "repbias"
author = "the repbias developers"
html_show_copyright = False
version = release = repbias.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "calibration",
    "docstrings",
    "decisions",
    "links",
    "listings",
    "offline",
    "results",
]
exclude_patterns = [
    "_build",
    "**/*.ipynb",
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
    "gallery/GALLERY_HEADER.rst",
]
templates_path = ["_templates"]
nitpicky = False  # intersphinx would need a network, so that types of other packages have no target

# Pages in Markdown. Those with code cells are notebooks: they are executed, and an error fails the build.
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / "notebooks")
nb_execution_timeout = 240
nb_execution_raise_on_error = False  # a failed notebook is a warning, and so an error of `make docs`, which names all
nb_execution_in_temp = True
nb_output_stderr = "remove"  # progress; an error still fails the build
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # no page has widgets, which would be fetched from the network
nb_merge_streams = True

# The reference: one page per public name, from its docstring.
default_role = "literal"
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"
autodoc_class_signature = "mixed"
numpydoc_show_class_members = False
python_maximum_signature_line_length = 88

# The gallery: one short script per plot.
sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": ("_repr_html_",),
    "doc_module": ("repbias",),
    "backreferences_dir": "gallery/backreferences",
    "download_all_examples": False,
    "show_signature": False,
    "min_reported_time": 10_000,
    "parallel": 2,
    "remove_config_comments": True,
    "only_warn_on_example_error": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "repbias"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_sourcelink_suffix = ""
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"index": [], "citing": [], "changelog": [], "troubleshooting": []}
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "footer_start": [],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}

warnings.filterwarnings("error", category=FutureWarning, module="repbias")  # the examples use no deprecated name
