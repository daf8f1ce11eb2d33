"""Publish the results of studies as a small folder of files, from which every verdict can be computed again.

<out>/<study>/claims.csv        the claims table: estimate, interval, n and verdict of every claim and condition
              values.csv        one row per row of the claims table and seed: passed, value, ungated
              provenance.json   scale, seeds, how much was run, versions, hardware, and by condition the digest of its
                                settings and the seconds that its training took
              <figure>.png      the main figures of the study's page
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from repbias.core import atomic
from repbias.experiments.evaluation import judged_again
from repbias.figures.figure import png_of
from repbias.report.html import with_few_colours
from repbias.runs.results import StudyResult
from repbias.runs.study_figures import study_figure

CLAIMS, VALUES, PROVENANCE = "claims.csv", "values.csv", "provenance.json"
_ENDINGS = (".csv", ".json", ".png")  # of the files in a publication
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


def publish(result: StudyResult, out: str | Path = "results") -> Path:
    """Write the results of a study into its folder in `out`; an earlier publication of it is replaced.

    The folder of the study holds the claims table, the numbers from which every verdict can be computed again, the
    provenance and the main figures; it appears whole or not at all. The same results give the same bytes, but for the
    figures, which depend on the version of Matplotlib.

    Parameters
    ----------
    result : what `repbias.run`, or an index of `repbias.open_store`, returned. It may lack networks; the provenance
        says how many.
    out : the folder of all publications; it is made if it does not exist.

    Returns
    -------
    The folder of the study.

    Raises
    ------
    TypeError : `result` is not the result of a study.
    ValueError : `out` is a file, or the folder of the study holds something else than a publication.

    Examples
    --------
    >>> import repbias
    >>> store = repbias.open_store("repbias-store")  # doctest: +SKIP
    >>> repbias.publish(store["complexity"], "results").name  # doctest: +SKIP
    'complexity'
    """
    if not isinstance(result, StudyResult):
        raise TypeError(f"publish writes the result of a study, got {type(result).__name__}")
    out = Path(out).expanduser()
    if out.exists() and not out.is_dir():
        raise ValueError(f"expected a folder to publish in, but {out} is a file")
    folder = out / result.plan.study.name
    if other := _other_than_published(folder):
        raise ValueError(f"{folder} holds something else than published results ({other}); name another folder")
    out.mkdir(parents=True, exist_ok=True)
    contents = {
        CLAIMS: _csv(result.claims),
        VALUES: _csv(result.seed_values),
        PROVENANCE: json.dumps(_provenance(result), indent=2).encode() + b"\n",
        **dict(_pictures(result)),
    }
    atomic.replace_folder(folder, contents)
    return folder


def _other_than_published(folder: Path) -> str | None:
    """Return the name of something that `publish` did not write, and that a new publication would delete."""
    if not folder.exists():
        return None
    if not (folder / PROVENANCE).is_file():
        return f"no {PROVENANCE}"
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() or path.suffix not in _ENDINGS)
    return names[0] if names else None


def read_published(out: str | Path = "results") -> list[Published]:
    """Return the published results of all studies in a folder, in the order of their names.

    `one.claims` is the claims table of a study, `one.values` the numbers of its seeds, and `one.differing()` lists the
    rows whose verdict does not follow from these numbers.

    Raises
    ------
    ValueError : there is no such folder, or a file of it cannot be read.

    Examples
    --------
    >>> import repbias
    >>> for one in repbias.read_published("results"):  # doctest: +SKIP
    ...     print(one.name, one.provenance["scale"], one.differing())
    """
    out = Path(out).expanduser()
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
    # Seven digits are those of the float32 responses from which the numbers were computed.
    return table.to_csv(index=False, lineterminator="\n", float_format="%.7g").encode()


def _pictures(result: StudyResult) -> Iterator[tuple[str, bytes]]:
    for kind in FIGURES:
        try:
            figure = study_figure(result, kind, "repbias")
        except ValueError:  # the study has no such figure
            continue
        # Few colours take a fourth of the bytes; lines and text look the same with 64.
        yield f"{figure.name}.png", with_few_colours(png_of(figure, dpi=120), 64, optimize=True)


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
        "seconds": _seconds(result.outcomes),
        "settings": {condition.name: condition.network(0).run_id.split("-")[0] for condition in plan.conditions},
    }


def _seconds(outcomes: pd.DataFrame) -> dict[str, float]:
    """Return for each condition the longest time from the start of a stack to the end of one of its networks."""
    longest = outcomes.dropna(subset="seconds").groupby("condition", sort=False)["seconds"].max()
    return {str(condition): round(float(seconds), 1) for condition, seconds in longest.items()}
