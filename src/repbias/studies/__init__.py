"""Studies: one file a question. Add a file that defines `STUDY`, and its name here."""

from __future__ import annotations

import importlib
from pathlib import Path

from repbias.specs import did_you_mean
from repbias.studies.study import Study, read_study

NAMES = (
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
    "vision",
    "vision_layers",
    "vision_order",
    "vision_prevalence",
    "vision_relation",
    "vision_methods",
    "vision_rsa",
    "trifeature2020",
)


def find_study(name: str) -> Study:
    """Return a study by its name, or read it from a TOML file.

    Raises
    ------
    ValueError : no study of that name (the nearest are offered), or a file that describes no valid study.
    """
    if name in NAMES:
        study: Study = importlib.import_module(f"repbias.studies.{name}").STUDY
        return study
    if name.endswith(".toml"):
        own = read_study(Path(name))
        if own.name in NAMES:
            raise ValueError(f"{name}: {own.name!r} is the name of a study of this package; give yours another name")
        return own
    raise ValueError(f"no study is called {name!r} ({did_you_mean(name, NAMES)}), and it is no TOML file (*.toml)")
