"""Trifeature images as files: a folder of PNGs per class, a table of what they show, and a contact sheet.

Folders and files appear whole or not at all, so that repeating an interrupted rendering completes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from repbias.core import VERSION, atomic
from repbias.core.randomness import rng
from repbias.core.specs import Spec, explaining
from repbias.figures import style
from repbias.tasks.images.drawing import draw
from repbias.tasks.images.scenes import Scenes, draw_scenes
from repbias.tasks.images.task import ImageTask, choices

SETTINGS, LABELS, SHEET = "rendering.json", "labels.csv", "contact_sheet.png"
_DRAWN_AT_ONCE = 256


class Rendering(Spec):
    """A full crossing of factors, each combination drawn several times.

    Attributes
    ----------
    factors : the factors that are crossed, each with its default classes; all others vary as in an `ImageTask`.
    size : pixels per side.
    renderings : images of each combination.
    """

    factors: tuple[str, ...] = Field(default=("shape", "texture", "colour"), min_length=1)
    size: int = 224
    renderings: int = Field(default=10, ge=1)
    seed: int = Field(default=0, ge=0)

    @property
    def task(self) -> ImageTask:
        """The task whose features are the factors that are crossed.

        Raises
        ------
        ValueError : factors that do not exist or exclude each other, or images too small for them.
        """
        if len(set(self.factors)) < len(self.factors):
            raise ValueError(f"a factor is named twice in {', '.join(self.factors)}")
        with explaining("these images"):
            return ImageTask.model_validate({"features": {name: name for name in self.factors}, "size": self.size})

    def scenes(self) -> Scenes:
        """Draw the scenes: all renderings of a combination together, the last factor changing fastest."""
        task = self.task
        combinations = np.array(list(product(*map(range, task.n_classes))))
        chosen = choices(task, self.seed, "rendering", np.repeat(combinations, self.renderings, axis=0))
        return draw_scenes(rng(self.seed, "data", "rendering", "scenes"), chosen)


def render(rendering: Rendering, out: Path) -> int:
    """Write all images of a rendering with `labels.csv` and `contact_sheet.png`; complete it if it was interrupted.

    Returns
    -------
    How many images there are.

    Raises
    ------
    ValueError : invalid settings, a folder that holds something else, or one that cannot be written to.
    """
    scenes = rendering.scenes()
    try:
        _begin(rendering, out)
        files = _files(rendering, scenes)
        first = files.str.split("/").str[0]
        for folder in first.unique():
            if not (out / folder).is_dir():
                atomic.write_folder(out / folder, _pngs(rendering, scenes, files[first == folder]))
        if not (out / LABELS).exists():
            atomic.write_file(out / LABELS, labels_table(rendering, scenes, files).to_csv(index=False).encode())
        if not (out / SHEET).exists():
            atomic.write_file(out / SHEET, contact_sheet(scenes, rendering.factors, rendering.size))
    except OSError as error:
        raise ValueError(
            f"cannot write to {out}: {error.strerror or error}; finished files are kept; "
            "run the same command again to continue with the rest"
        ) from error
    return len(scenes)


def _begin(rendering: Rendering, out: Path) -> None:
    """Make the folder and record the settings in it; accept one that is empty or has the same settings."""
    settings = json.dumps({"version": VERSION, **rendering.model_dump(mode="json")}, indent=2).encode()
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; name a folder")
    if (out / SETTINGS).is_file():
        if (out / SETTINGS).read_bytes() != settings:
            raise ValueError(f"{out} holds a rendering of other settings, see {SETTINGS} there; name another folder")
    elif out.exists() and any(not path.name.startswith(atomic.PREFIX) for path in out.iterdir()):
        raise ValueError(f"{out} is not empty, and holds no rendering; name an empty or a new folder")
    else:
        out.mkdir(parents=True, exist_ok=True)
        atomic.write_file(out / SETTINGS, settings)
    atomic.sweep(out)


def _files(rendering: Rendering, scenes: Scenes) -> pd.Series:
    """Return the path of each image: the class of the first factor, then those of the others and a number."""
    digits = len(str(rendering.renderings - 1))
    table = _classes(scenes)
    table["file"] = [f"{i % rendering.renderings:0{digits}d}.png" for i in range(len(scenes))]
    inside = table[[*rendering.factors[1:], "file"]].agg("_".join, axis=1)
    return table[rendering.factors[0]] + "/" + inside


def _classes(scenes: Scenes) -> pd.DataFrame:
    """Return the name of each image's class of every factor."""
    return pd.DataFrame({factor: np.array(scenes.names[factor])[index] for factor, index in scenes.classes.items()})


def labels_table(rendering: Rendering, scenes: Scenes, files: pd.Series) -> pd.DataFrame:
    """Return one row per image: its file, the class of every factor, and the placement of its objects.

    Lengths are px, `x` and `y` the centre of the shape's box, angles degrees clockwise, the texture's phase in periods.
    The numbers of several objects are separated by spaces.
    """
    objects, size = scenes.objects, rendering.size
    columns = {
        "x": size * objects.centre[:, 0],
        "y": size * objects.centre[:, 1],
        "box": size * objects.box,
        "angle": np.degrees(objects.angle),
        "texture_angle": np.degrees(objects.texture_angle),
        "texture_phase_along": objects.phase[:, 0],
        "texture_phase_across": objects.phase[:, 1],
    }
    text = pd.DataFrame({name: [f"{value:.6g}" for value in values] for name, values in columns.items()})
    of_image = text.groupby(objects.image).agg(" ".join)
    return pd.concat([files.rename("file"), _classes(scenes), of_image], axis=1)


def _pngs(rendering: Rendering, scenes: Scenes, files: pd.Series) -> dict[str, bytes]:
    """Return the images of one folder by name, as PNG."""
    pictures = _pictures(scenes, files.index.to_numpy(), rendering.size)
    return {Path(file).name: _png(picture) for file, picture in zip(files, pictures, strict=True)}


def _pictures(scenes: Scenes, where: NDArray[np.intp], size: int) -> Iterator[NDArray[np.uint8]]:
    """Yield pictures `[row, column, 3]`, drawn a few hundred at a time to save memory."""
    for start in range(0, len(where), _DRAWN_AT_ONCE):
        yield from np.moveaxis(draw(scenes.take(where[start : start + _DRAWN_AT_ONCE]), size), 1, -1)


def _png(picture: NDArray[np.uint8]) -> bytes:
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


_MAX_PANELS, _PANELS_A_ROW = 10, 5
_THUMBNAIL = 112  # maximum px; published images are then shown at half their size
_DPI = 100
_LEFT, _RIGHT, _BOTTOM, _TOP = 110, 20, 110, 40  # px around a panel


@style.applied("repbias")
def contact_sheet(scenes: Scenes, factors: Sequence[str], size: int) -> bytes:
    """Return a PNG: the first factor's classes in rows, the last one's in columns, a panel for each class of a third.

    Parameters
    ----------
    scenes : the scenes rendered; of each combination the first is shown, factors beyond three at their first class.
    factors : the factors that are crossed. Panels show the classes of the second factor where there are three or more,
        at most ten of them.
    size : px per side; pictures of more than 112 px are shrunk.
    """
    rows = factors[0]
    columns = factors[-1] if len(factors) > 1 else None
    panel = factors[1] if len(factors) > 2 else None
    rest = [factor for factor in factors if factor not in (rows, columns, panel)]
    plain = np.all([scenes.classes[factor] == 0 for factor in rest], axis=0) if rest else np.full(len(scenes), True)
    panels = range(min(len(scenes.names[panel]), _MAX_PANELS)) if panel else range(1)
    side = min(size, _THUMBNAIL)
    figure, cells = _figure(len(panels), _count(scenes, columns) * side, len(scenes.names[rows]) * side)
    for cell, number in zip(cells, panels, strict=True):
        ax = figure.add_subplot(cell)
        shown = plain & (scenes.classes[panel] == number) if panel else plain
        _draw_panel(ax, scenes.take(np.flatnonzero(shown)), rows, columns, size, side)
        ax.set_title(f"{panel}: {scenes.names[panel][number]}" if panel else "")
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()


def _figure(panels: int, width: int, height: int) -> tuple[Figure, list[SubplotSpec]]:
    """Return a figure with panels of exactly this many px, so that pixels are shown unscaled, and room for names."""
    size, gap = (width / _DPI, height / _DPI), ((_LEFT + _RIGHT) / _DPI, (_BOTTOM + _TOP) / _DPI)
    margins = (_LEFT / _DPI, _BOTTOM / _DPI, _RIGHT / _DPI, _TOP / _DPI)
    return style.tiles(panels, min(panels, _PANELS_A_ROW), size, gap, margins)


def _count(scenes: Scenes, factor: str | None) -> int:
    return len(scenes.names[factor]) if factor else 1


def _draw_panel(ax: Axes, scenes: Scenes, rows: str, columns: str | None, size: int, side: int) -> None:
    cells = scenes.classes[rows] * _count(scenes, columns) + (scenes.classes[columns] if columns else 0)
    _, firsts = np.unique(cells, return_index=True)
    thumbnails = _shrunk(draw(scenes.take(np.sort(firsts)), size), side)
    grid = (len(scenes.names[rows]), _count(scenes, columns))
    # [image, 3, y, x] to [row, y, column, x, 3]
    mosaic = thumbnails.reshape(*grid, 3, side, side).transpose(0, 3, 1, 4, 2)
    ax.imshow(mosaic.reshape(grid[0] * side, grid[1] * side, 3), interpolation="nearest")
    ax.set_yticks((np.arange(grid[0]) + 0.5) * side, scenes.names[rows])
    ax.set_xticks(
        (np.arange(grid[1]) + 0.5) * side, scenes.names[columns] if columns else [""], rotation=45, ha="right"
    )
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _shrunk(pictures: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return pictures of `side` px: every pixel is the mean of its block, as nearly as the sizes allow."""
    edges = np.linspace(0, pictures.shape[-1], side + 1).round().astype(int)
    if len(edges) == pictures.shape[-1] + 1:
        return pictures
    sums = np.add.reduceat(np.add.reduceat(pictures, edges[:-1], axis=2, dtype=float), edges[:-1], axis=3)
    areas = np.diff(edges)[:, None] * np.diff(edges)
    return (sums / areas).round().astype(np.uint8)
