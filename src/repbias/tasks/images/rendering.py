"""Trifeature images as files: a folder of PNGs per class, a table of what they show, and a contact sheet.

Folders and files appear whole or not at all, so that repeating an interrupted rendering completes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field, ValidationError

from repbias.core import VERSION, atomic
from repbias.core.randomness import rng
from repbias.core.specs import Spec, explain
from repbias.tasks.images.choices import choices
from repbias.tasks.images.contact_sheet import contact_sheet
from repbias.tasks.images.drawing import draw
from repbias.tasks.images.scenes import Scenes, draw_scenes
from repbias.tasks.images.task import ImageTask

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
        try:
            return ImageTask.model_validate({"features": {name: name for name in self.factors}, "size": self.size})
        except ValidationError as error:
            raise ValueError(explain(error, "these images")) from error

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
