"""Studies: one file a question, by domain. Add a file that defines `STUDY`, and its name here."""

from __future__ import annotations

import importlib
from pathlib import Path

from repbias.core.specs import did_you_mean
from repbias.experiments.study import Study, read_study

DOMAINS = {
    "bits": (
        "complexity",
        "order",
        "isolation",
        "components",
        "dynamics",
        "optimizer",
        "architecture",
        "correlation",
        "difficulty",
        "prevalence",
        "depth",
        "width",
        "number",
        "classes",
        "pca",
        "steering",
        "reliance",
        "clustering",
        "rsa",
        "regression",
        "encryption",
        "debiased",
        "autoencoder",
    ),
    "strings": (
        "position",
        "position_learning",
        "position_complexity",
        "integration",
        "string_complexity",
        "string_order",
        "string_prevalence",
        "string_methods",
        "string_rsa",
        "transformer_shape",
    ),
    "images": (
        "vision",
        "vision_layers",
        "vision_order",
        "vision_prevalence",
        "vision_relation",
        "vision_methods",
        "vision_rsa",
        "trifeature2020",
    ),
}
NAMES = tuple(name for names in DOMAINS.values() for name in names)
_DOMAIN_OF = {name: domain for domain, names in DOMAINS.items() for name in names}


def find_study(name: str) -> Study:
    """Return a study by its name, or read it from a TOML file.

    Raises
    ------
    ValueError : no study of that name (the nearest are offered), or a file that describes no valid study.
    """
    if name in NAMES:
        study: Study = importlib.import_module(f"repbias.studies.{_DOMAIN_OF[name]}.{name}").STUDY
        return study
    if name.endswith(".toml"):
        own = read_study(Path(name))
        if own.name in NAMES:
            raise ValueError(f"{name}: {own.name!r} is the name of a study of this package; give yours another name")
        return own
    raise ValueError(f"no study is called {name!r} ({did_you_mean(name, NAMES)}), and it is no TOML file (*.toml)")
