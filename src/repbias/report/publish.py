"""Publish the results of studies as a small folder of files, from which every verdict can be computed again.

<out>/<study>/claims.csv        the claims table: estimate, interval, n and verdict of every claim and condition
              values.csv        one row per row of the claims table and seed: passed, value, ungated
              provenance.json   scale, seeds, how much was run, versions, hardware, digests of the settings
              <figure>.png      the main figures of the study's page
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from repbias.core import atomic
from repbias.experiments.evaluation import judged_again
from repbias.figures.figure import png_of
from repbias.runs.results import StudyResult
from repbias.runs.study_figures import study_figure

CLAIMS, VALUES, PROVENANCE = "claims.csv", "values.csv", "provenance.json"
_TEXT = ("about", "condition", "verdict", "note", "corrected")  # columns of claims that may be empty
FIGURES = ("gap", "claims", "ladder", "effects", "trend", "positions", "matrix", "curves")
"""Kinds of figures that are published, where a study has them; those of all its networks or units stay on its page."""


@dataclass(frozen=True)
class Published:
    """The published results of one study."""

    name: str
    claims: pd.DataFrame
    values: pd.DataFrame
    provenance: dict[str, Any]
    figures: tuple[Path, ...]

    def differing(self) -> list[str]:
        """Return the rows whose verdict is not the one that follows from the numbers of the seeds."""
        again = judged_again(self.claims, self.values)
        differ = (self.claims[["verdict", "corrected"]].fillna("") != again[["verdict", "corrected"]]).any(axis=1)
        rows = self.claims[differ]
        return [f"{row.id}, {row.condition}: {row.verdict}" for row in rows.itertuples()]


def publish(result: StudyResult, out: Path) -> Path:
    """Write the results of a study into its folder in `out`; an earlier publication of it is replaced.

    The same results give the same bytes, but for the figures, which depend on the version of Matplotlib.

    Raises
    ------
    ValueError : `out` is a file, or the folder of the study holds something else than a publication.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f"expected a folder to publish in, but {out} is a file")
    folder = out / result.plan.study.name
    if folder.exists() and not (folder / PROVENANCE).is_file():
        raise ValueError(f"{folder} holds something else than published results; name another folder")
    out.mkdir(parents=True, exist_ok=True)
    contents = {
        CLAIMS: _csv(result.claims),
        VALUES: _csv(result.seed_values),
        PROVENANCE: json.dumps(_provenance(result), indent=2).encode() + b"\n",
        **dict(_pictures(result)),
    }
    shutil.rmtree(folder, ignore_errors=True)
    atomic.write_folder(folder, contents)
    return folder


def read_published(out: Path) -> list[Published]:
    """Return the published results of all studies in a folder, in the order of their names.

    Raises
    ------
    ValueError : there is no such folder, or a file of it cannot be read.
    """
    if not out.is_dir():
        raise ValueError(f"expected a folder of published results at {out}, but there is none")
    return [_read(path.parent) for path in sorted(out.glob(f"*/{PROVENANCE}"))]


def _read(folder: Path) -> Published:
    try:
        claims = pd.read_csv(folder / CLAIMS, dtype=dict.fromkeys(_TEXT, str))
        claims[list(_TEXT)] = claims[list(_TEXT)].fillna("")
        values = pd.read_csv(folder / VALUES)
        provenance = json.loads((folder / PROVENANCE).read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder} cannot be read ({error}); publish the study again") from error
    return Published(folder.name, claims, values, provenance, tuple(sorted(folder.glob("*.png"))))


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n", float_format="%.10g").encode()


def _pictures(result: StudyResult) -> Iterator[tuple[str, bytes]]:
    for kind in FIGURES:
        try:
            figure = study_figure(result, kind, "repbias")
        except ValueError:  # the study has no such figure
            continue
        yield f"{figure.name}.png", _light(png_of(figure))


def _light(png: bytes) -> bytes:
    """Return a picture with at most 64 colours, which takes a fifth of the bytes."""
    packed = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(packed, "png", optimize=True)
    return packed.getvalue()


def _provenance(result: StudyResult) -> dict[str, Any]:
    plan, total = result.plan, len(result.outcomes)
    return {
        "study": plan.study.name,
        "scale": plan.scale,
        "seeds": plan.seeds,
        "networks": total,
        "networks_run": total - result.n_missing,
        "analyses_missing": result.n_analyses_missing,
        "versions": result.versions,
        "settings": {condition.name: condition.network(0).run_id.split("-")[0] for condition in plan.conditions},
    }
