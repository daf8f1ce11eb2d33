"""Times the drawing of Trifeature images against what one would write: a function that draws one picture.

Two such functions: one that finds each pixel's share by 4 x 4 points in it, as is usual, and one that computes the very
distances of this package, float64 and over the whole picture, so that what is gained by drawing many at once stands
apart. Both draw the same pictures (a check is made). One thread each.

`python -m benchmarks --only images` prints the rows of `bench()`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repbias.tasks.images.drawing import draw
from repbias.tasks.images.scenes import Objects, Scenes, draw_scenes
from repbias.tasks.images.shapes import SHAPES
from repbias.tasks.images.task import ImageTask, choices, train_labels
from repbias.tasks.images.textures import PERIODIC, TEXTURES, cell_px, coverage, noise, period_px, rain

FEATURES = {"colour": "colour", "shape": "shape"}
TRAIN, ONE_BY_ONE, SAMPLES = 16_384, 200, 4
Picture = NDArray[np.uint8]


def bench() -> list[dict[str, Any]]:
    """Return two rows a size; the times are for one image."""
    return [row for size in (32, 64) for row in _rows(size)]


def _rows(size: int) -> list[dict[str, Any]]:
    task = ImageTask(features=FEATURES, size=size, train=TRAIN)
    values, _ = train_labels(task, 0)
    scenes = draw_scenes(np.random.default_rng(0), choices(task, 0, "train", values))
    own = min(_seconds(lambda: draw(scenes, size)) for _ in range(3)) / TRAIN
    some = scenes.take(np.arange(ONE_BY_ONE))
    rows = []
    for what, samples in (("by 4 x 4 points a pixel", SAMPLES), ("by the same distances", 1)):
        render = _renderer(some, size, samples)
        _refuse_another_picture(draw(some, size), render(), samples)
        reference = min(_seconds(render) for _ in range(2)) / ONE_BY_ONE
        rows.append(
            {
                "what": f"draw an image of {size} px, {TRAIN:,} at once ({1 / own:,.0f} a second)",
                "seconds": own,
                "floor_ratio": None,
                "reference": f"NumPy, one image at a time, {what}",
                "reference_seconds": reference,
                "ratio": reference / own,
            }
        )
    return rows


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _renderer(scenes: Scenes, size: int, samples: int) -> Callable[[], Picture]:
    return lambda: np.stack(
        [_one(scenes.objects, i, scenes.background[i], size, samples) for i in range(len(scenes.objects))]
    )


def _one(objects: Objects, i: int, background: NDArray[np.float64], size: int, samples: int) -> Picture:
    """Draw one picture, as one would write it; with one sample a pixel, edges are ramps, and else they are steps."""
    at = (np.arange(size * samples) + 0.5) / samples
    x, y = np.meshgrid(at - size * objects.centre[i, 0], at - size * objects.centre[i, 1])
    half, angle = size * objects.box[i] / 2, objects.angle[i]
    along, across = (np.cos(angle) * x + np.sin(angle) * y) / half, (np.cos(angle) * y - np.sin(angle) * x) / half
    distance = list(SHAPES.values())[objects.shape[i]](along, across)
    mask = coverage(distance, half * samples)
    texture, turn = TEXTURES[objects.texture[i]], objects.texture_angle[i]
    unit = cell_px(size) if texture == "rain" else period_px(size)
    u = (np.cos(turn) * x + np.sin(turn) * y) / unit + objects.phase[i, 0]
    v = (np.cos(turn) * y - np.sin(turn) * x) / unit + objects.phase[i, 1]
    if texture == "noise":
        pixels = np.arange(size)[None]
        mask *= np.kron(noise(objects.key[i : i + 1], pixels, pixels, size)[0], np.ones((samples, samples)))
    elif texture == "rain":
        mask *= rain(objects.key[i : i + 1], u[None], v[None], unit)[0]
    elif texture != "solid":
        mask *= PERIODIC[texture](u, v, unit * samples)
    mask = mask.reshape(size, samples, size, samples).mean(axis=(1, 3))
    picture = mask * objects.colour[i][:, None, None] + (1 - mask) * background[:, None, None]
    return np.floor(255 * picture + 0.5).astype(np.uint8)


def _refuse_another_picture(own: Picture, reference: Picture, samples: int) -> None:
    """Raise where the two do not draw the same: to one grey level, and sampled to what 16 points can tell."""
    off = np.abs(own.astype(int) - reference)
    if off.max() > 1 if samples == 1 else off.mean() > 1.0:
        raise AssertionError(f"the two renderers differ by {off.max()} grey levels, {off.mean():.2f} on average")


if __name__ == "__main__":
    for row in bench():
        print(row)
