"""Shapes, textures and colours are what they are called, lie where scenes say, and hang on no machine's rounding."""

from dataclasses import replace
from math import cos, pi, sin, sqrt

import numpy as np
import pytest
from image_scenes_by_hand import scenes
from matplotlib.path import Path

from repbias.tasks.generated import stimulus_keys
from repbias.tasks.images.drawing import draw
from repbias.tasks.images.factors import BACKGROUNDS, COLOURS
from repbias.tasks.images.scenes import BOX, PAIR_BOXES, SEVERAL_BOX
from repbias.tasks.images.shapes import SHAPES
from repbias.tasks.images.textures import PERIODIC, TEXTURES, cell_px, noise, period_px, rain


def turned(radius, angles):
    return [(radius * sin(angle), -radius * cos(angle)) for angle in angles]


T = 1 / 3
IN, OUT = cos(2 * pi / 5) / cos(pi / 5), 1.0
# Corners in half sides of the box, x to the right and y down, written apart from the package.
POLYGONS = {
    "triangle": [[(0, -sqrt(3) / 2), (1, sqrt(3) / 2), (-1, sqrt(3) / 2)]],
    "square": [[(-1, -1), (1, -1), (1, 1), (-1, 1)]],
    "plus": [
        [(-T, -1), (T, -1), (T, -T), (1, -T), (1, T), (T, T), (T, 1), (-T, 1), (-T, T), (-1, T), (-1, -T), (-T, -T)]
    ],
    "circle": [turned(1, np.linspace(0, 2 * pi, 181)[:-1])],
    "tee": [[(-1, -1), (1, -1), (1, -T), (T, -T), (T, 1), (-T, 1), (-T, -T), (-1, -T)]],
    "rhombus": [[(0, -1), (0.6, 0), (0, 1), (-0.6, 0)]],
    "pentagon": [turned(1, 2 * pi / 5 * np.arange(5))],
    "star": [[turned((OUT, IN)[i % 2], [pi / 5 * i])[0] for i in range(10)]],
    "fivesquare": [
        [(x - T, y - T), (x + T, y - T), (x + T, y + T), (x - T, y + T)]
        for x, y in [(0, 0), (-2 * T, -2 * T), (2 * T, -2 * T), (-2 * T, 2 * T), (2 * T, 2 * T)]
    ],
    "trapezoid": [[(-0.5, -0.7), (0.5, -0.7), (1, 0.7), (-1, 0.7)]],
}


def area(polygons):
    def one(corners):
        x, y = np.array(corners).T
        return abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2

    return sum(map(one, polygons))


def supersampled(scene, size, shape, samples=6):
    """Return the share of each pixel inside the polygon: points counted one by one."""
    (cx, cy), (angle,), (box,) = scene.objects.centre[0] * size, scene.objects.angle, scene.objects.box
    steps = (np.arange(size * samples) + 0.5) / samples
    x, y = np.meshgrid(steps - cx, steps - cy)
    half = box * size / 2
    points = np.stack([x * cos(angle) + y * sin(angle), y * cos(angle) - x * sin(angle)], axis=-1).reshape(-1, 2) / half
    inside = np.zeros(len(points), dtype=bool)
    for corners in POLYGONS[shape]:
        inside |= Path(corners).contains_points(points)
    return inside.reshape(size, samples, size, samples).mean(axis=(1, 3))


def painted(pictures):
    """Return m of white objects on grey."""
    return (pictures[:, 0].astype(float) - 128) / 127


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [32, 224])
def test_every_shape_is_the_polygon_of_its_name(shape, size):
    scene = scenes(1, seed=3, shape=shape)
    found, expected = painted(draw(scene, size))[0], supersampled(scene, size, shape)
    assert np.abs(found - expected).sum() < 0.02 * expected.sum() + 0.25 * 224 / size
    assert np.abs(found - expected).max() < 0.4  # at a corner, and only there
    half = BOX * size / 2
    assert found.sum() == pytest.approx(area(POLYGONS[shape]) * half**2, rel=0.02 if size == 32 else 0.004)


def test_an_upright_square_is_exactly_its_area_in_every_pixel():
    scene = scenes(1)
    straight = replace(scene.objects, angle=np.zeros(1), centre=np.array([[0.5 + 0.3 / 32, 0.5]]))
    found = painted(draw(replace(scene, objects=straight), 32))[0]
    side = BOX * 32  # 18.29 px, its left side at 16.3 - 9.14
    left, right = 16.3 - side / 2, 16.3 + side / 2
    columns = np.clip(np.minimum(np.arange(1, 33), right) - np.maximum(np.arange(32), left), 0, 1)
    np.testing.assert_allclose(found[16], columns, atol=1 / 127)


def hexagons(period=1.0, line=0.2):
    return 1 - ((period - line) / period) ** 2


PAINTED = {
    "solid": 1.0,
    "stripes": 0.3,
    "grid": 1 - 0.8**2,
    "hexgrid": hexagons(),
    "dots": pi * 0.4**2,  # squared radius below 16 in squares of 10
    "noise": 0.5,
    "triangles": 0.9 * 0.8 / 2,
    "zigzags": 0.3 * sqrt(2),
    "rain": 1 - 0.95**7,
    "pluses": 2 * 0.8 * 0.3 - 0.3**2,
}


@pytest.mark.parametrize("texture", TEXTURES)
@pytest.mark.parametrize("size", [32, 224])
def test_every_texture_paints_its_share(texture, size):
    pictures = draw(scenes(200, texture=texture), size)
    share = painted(pictures).sum() / 200 / (BOX * size) ** 2
    assert share == pytest.approx(PAINTED[texture], rel=0.06 if size == 32 else 0.02)


@pytest.mark.parametrize("texture", PERIODIC)
def test_a_texture_returns_after_a_period_and_not_before(texture):
    period = 50.0
    v, u = np.mgrid[0:100, 0:100].astype(np.float32) / np.float32(period)
    along_v = sqrt(3) if texture == "hexgrid" else 1.0
    drawn = PERIODIC[texture](u, v, period)
    np.testing.assert_allclose(PERIODIC[texture](u + 1, v + np.float32(along_v), period), drawn, atol=1e-4)
    assert np.abs(PERIODIC[texture](u + 0.5, v, period) - drawn).mean() > 0.1
    assert ((drawn == 0) | (drawn == 1)).mean() > 0.7  # all but edges


@pytest.mark.parametrize(("size", "period", "cell"), [(16, 5, 1), (32, 5, 1), (112, 5, 1), (224, 10, 1), (448, 20, 2)])
def test_the_finest_line_is_never_thinner_than_a_pixel(size, period, cell):
    assert (period_px(size), cell_px(size)) == (period, cell)


def test_noise_pixels_are_fair_binary_and_independent():
    key, pixels = np.array([5, 6], dtype=np.uint32), np.tile(np.arange(300), (2, 1))
    drawn = noise(key, pixels, pixels, 224)
    assert set(np.unique(drawn)) == {0, 1}
    for other in (drawn[:, :, 1:], drawn[:, 1:], drawn[::-1]):
        here = drawn[tuple(slice(n) for n in other.shape)]
        assert abs((here == other).mean() - 0.5) < 5 * 0.5 / np.sqrt(here.size)
    np.testing.assert_array_equal(noise(key[1:], pixels[1:, 7:], pixels[1:], 224), drawn[1:, :, 7:])
    doubled = noise(key, pixels, pixels, 448)
    np.testing.assert_array_equal(doubled[:, ::2, ::2], doubled[:, 1::2, 1::2])


def test_rain_is_streaks_of_seven_cells_and_more():
    key = np.arange(3, dtype=np.uint32)
    v, u = np.mgrid[0:400, 0:200].astype(np.float32) + np.float32(0.5)
    drawn = rain(key, np.tile(u, (3, 1, 1)), np.tile(v, (3, 1, 1)), 1.0)
    assert set(np.unique(drawn)) == {0, 1}
    column = np.concatenate([[0], drawn.transpose(0, 2, 1).ravel(), [0]])
    edges = np.flatnonzero(np.diff(column))
    lengths = (edges[1::2] - edges[::2]).tolist()
    short = sum(length < 7 for length in lengths)
    assert short <= 2 * 600  # those that the upper and lower ends cut
    assert sum(length == 7 for length in lengths) > 0.5 * len(lengths)


def test_colours_and_backgrounds_are_exact_where_they_are_whole():
    names = list(COLOURS)
    pictures = draw(scenes(10, colour=names, background=list(BACKGROUNDS)), 64)
    scene = scenes(10, colour=names, background=list(BACKGROUNDS))
    for picture, centre, colour, ground in zip(
        pictures, scene.objects.centre * 64, COLOURS.values(), BACKGROUNDS.values(), strict=True
    ):
        x, y = centre.astype(int)
        for found, wanted in ((picture[:, y, x], colour), (picture[:, 0, 63], ground)):
            np.testing.assert_array_equal(found, np.floor(255 * np.array(wanted) + 0.5))
    assert pictures[0, :, 0, 63].tolist() == [128, 128, 128]


def test_no_background_hides_any_colour():
    colours, grounds = np.array(list(COLOURS.values())), np.array(list(BACKGROUNDS.values()))
    assert np.linalg.norm(colours[:, None] - grounds, axis=2).min() >= 0.4


def test_pixels_are_a_mixture_of_colour_and_background():
    scene = scenes(50, shape="star", texture="hexgrid", colour="ocean", background="tan")
    m = painted(draw(scenes(50, shape="star", texture="hexgrid"), 32))
    colour, ground = (255 * np.array(c)[:, None, None] for c in (COLOURS["ocean"], BACKGROUNDS["tan"]))
    mixed = m[:, None] * colour + (1 - m[:, None]) * ground
    assert np.abs(draw(scene, 32) - mixed).max() <= 2


def everything(n, **given):
    return scenes(
        n,
        shape=[list(SHAPES)[i % 10] for i in range(n)],
        texture=[TEXTURES[i // 10 % 10] for i in range(n)],
        colour=[list(COLOURS)[i % 7] for i in range(n)],
        rotation=[("-45..-22.5", "-22.5..0", "0..22.5", "22.5..45")[i % 4] for i in range(n)],
        position=[f"row{i % 2 + 1}column{i // 2 % 2 + 1}" for i in range(n)],
        **given,
    )


@pytest.mark.parametrize("size", [32, 64])
def test_a_picture_is_the_same_to_one_grey_level_whatever_the_rounding(size):
    """Sines, places and phases are changed by far more than machines differ in them."""
    scene = everything(400)
    objects, random = scene.objects, np.random.default_rng(1)

    def shaken(values):
        return values + 1e-9 * random.standard_normal(values.shape)

    moved = {name: shaken(getattr(objects, name)) for name in ("centre", "angle", "texture_angle", "phase", "box")}
    other = draw(replace(scene, objects=replace(objects, **moved)), size)
    assert np.abs(draw(scene, size).astype(int) - other).max() <= 1


def test_a_picture_does_not_hang_on_who_is_drawn_beside_it():
    scene = everything(300)
    together = draw(scene, 32)
    np.testing.assert_array_equal(draw(scene.take(np.array([7, 130, 131, 299])), 32), together[[7, 130, 131, 299]])


def test_the_same_scene_is_the_same_at_every_size():
    scene = everything(100, number="1")
    scene = scene.take(np.flatnonzero(scene.objects.texture == 0))
    large, small = (draw(scene, size).astype(float) for size in (224, 32))
    shrunk = large.reshape(len(large), 3, 32, 7, 32, 7).mean(axis=(3, 5))
    assert np.abs(shrunk - small).mean() < 0.5
    assert np.abs(shrunk - small).max() < 60  # corners


@pytest.mark.parametrize("labelled", [(), ("position", "rotation")])
def test_an_object_lies_inside_the_image_and_where_its_classes_say(labelled):
    scene = everything(400, size=[("0.5", "1")[i % 2] for i in range(400)], reported=labelled)
    objects = scene.objects
    reach = objects.box / 2 * (np.abs(np.cos(objects.angle)) + np.abs(np.sin(objects.angle)))
    assert (objects.centre - reach[:, None] >= -1e-12).all()
    assert (objects.centre + reach[:, None] <= 1 + 1e-12).all()
    np.testing.assert_allclose(objects.box, BOX * np.tile([0.5, 1.0], 200))
    np.testing.assert_array_equal(objects.centre[:, 1] > 0.5, scene.classes["position"] >= 2)
    np.testing.assert_array_equal(objects.centre[:, 0] > 0.5, scene.classes["position"] % 2 == 1)
    bins = np.floor((np.degrees(objects.angle) + 45) / 22.5)
    np.testing.assert_array_equal(bins, scene.classes["rotation"])
    apart = np.abs((np.degrees(objects.angle) / 22.5) % 1 - 0.5).max()
    assert apart < 0.3 if labelled else apart > 0.45


def test_a_free_object_stands_anywhere_that_it_fits():
    """The published rule: uniform over all centres for which the turned box lies inside."""
    scene = everything(4000)
    objects = scene.objects
    reach = objects.box / 2 * (np.abs(np.cos(objects.angle)) + np.abs(np.sin(objects.angle)))
    share = (objects.centre - reach[:, None]) / (1 - 2 * reach[:, None])
    for values in (*share.T, objects.angle / (pi / 2) + 0.5, objects.texture_angle / (pi / 2) + 0.5, *objects.phase.T):
        counts = np.histogram(values, bins=10, range=(0, 1))[0]
        assert counts.sum() == 4000
        assert np.abs(counts - 400).max() < 5 * np.sqrt(400)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_so_many_objects_stand_apart_and_share_their_classes(number):
    scene = scenes(60, number=str(number), reported=("number",), shape="circle")
    objects = scene.objects
    assert np.bincount(objects.image).tolist() == [number] * 60
    assert (objects.box == SEVERAL_BOX).all()
    m = painted(draw(scene, 64))
    np.testing.assert_allclose(m.sum(axis=(1, 2)), number * pi * (SEVERAL_BOX * 64 / 2) ** 2, rtol=0.02)
    for image in range(60):
        here = objects.centre[objects.image == image]
        gaps = np.linalg.norm(here[:, None] - here, axis=2) + 9 * np.eye(number)
        assert gaps.min() > SEVERAL_BOX


def test_one_object_does_not_wipe_out_part_of_another():
    scene = scenes(60, number="4", reported=("number",), shape="square")
    alone = [replace(scene, objects=scene.objects.take(np.flatnonzero(np.arange(240) % 4 == i))) for i in range(4)]
    together = np.sum([painted(draw(one, 32)) for one in alone], axis=0)
    assert np.abs(painted(draw(scene, 32)) - np.minimum(together, 1)).max() < 0.3  # a pixel that two edges share
    assert np.abs(painted(draw(scene, 32)).sum() / together.sum() - 1) < 0.002


def test_a_relation_is_of_a_larger_and_a_smaller_object():
    relations = [("different", "same")[i % 2] for i in range(2000)]
    scene = scenes(2000, relation=relations, shape=[list(SHAPES)[i // 2 % 10] for i in range(2000)])
    shape, box = scene.objects.shape.reshape(-1, 2), scene.objects.box.reshape(-1, 2)
    np.testing.assert_array_equal(shape[:, 0], scene.classes["shape"])
    np.testing.assert_array_equal(shape[:, 0] == shape[:, 1], scene.classes["relation"])
    np.testing.assert_allclose(box, np.tile(PAIR_BOXES, (2000, 1)))
    for column in (shape[::2, 1], shape[1::2, 1]):  # the smaller one's shape says nothing either
        assert np.abs(np.bincount(column) - 100).max() < 5 * 10


def test_keys_tell_pictures_apart():
    pictures = draw(everything(100), 14)
    keys = stimulus_keys(pictures)
    assert len(set(keys)) == 100
    changed = pictures.copy()
    changed[3, 2, 13, 13] ^= 1
    assert [a == b for a, b in zip(keys, stimulus_keys(changed), strict=True)].count(False) == 1
