"""Studies: each file in `bits/`, `strings/`, `images/` and `arrays/` asks one question and defines a `STUDY`.

Studies are found by their files: a new file in one of these folders is a study named after the file. The
`__init__.py` of a folder holds what its studies share.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from repbias.core.specs import did_you_mean
from repbias.experiments.study import Study, read_study

DOMAINS = {
    domain: tuple(file.name for file in pkgutil.iter_modules([str(Path(__file__).parent / domain)]))
    for domain in ("bits", "strings", "images", "arrays")
}
NAMES = tuple(name for names in DOMAINS.values() for name in names)


def find_study(name: str) -> Study:
    """Return a study of this package by its name, or read one from a TOML file.

    Raises
    ------
    ValueError : no study has that name (the message suggests the nearest names), or the file does not describe a valid
        study or takes the name of a study of this package.
    """
    for domain, names in DOMAINS.items():
        if name in names:
            study: Study = importlib.import_module(f"repbias.studies.{domain}.{name}").STUDY
            return study
    if name.endswith(".toml"):
        study = read_study(Path(name))
        if study.name in NAMES:
            raise ValueError(f"{name}: {study.name!r} is the name of a study of this package; choose another name")
        return study
    raise ValueError(f"no study is called {name!r} ({did_you_mean(name, NAMES)}); a study of your own is a file *.toml")
