"""Sound image tasks pass the design check; images that give a feature away by something else do not."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from repbias.tasks.design import check_design
from repbias.tasks.generated import stimulus_keys
from repbias.tasks.images.drawing import draw
from repbias.tasks.images.leakage import between_classes
from repbias.tasks.images.task import ImageSplit, ImageTask

PLAIN = {"colour": "colour", "shape": "shape"}
SIZES = {"train": 2000, "validation": 400, "test": 400, "size": 32}
FOUR = {"factor": "shape", "classes": 4}
RARE = {"factor": "colour", "shares": (0.05,) + (0.95 / 9,) * 9}
TURNABLE = {"factor": "shape", "classes": ("triangle", "tee", "square", "rhombus")}


@pytest.mark.parametrize(
    "options",
    [
        {"features": PLAIN},
        {"features": PLAIN, "fixed": {"texture": "solid"}},
        {"features": {"c": FOUR | {"factor": "colour"}, "p": "position", "z": FOUR | {"factor": "size"}}},
        {"features": {"n": "number", "s": FOUR, "b": {"factor": "background", "classes": 4}}},
        {"features": {"r": "rotation", "s": TURNABLE}},
        {"features": {"r": "relation", "c": {"factor": "colour", "classes": 2}}},
        {"features": PLAIN, "held_out": 3},
        {"features": PLAIN, "agreement": 0.9},
        {"features": {"p": "position", "c": {"factor": "colour", "classes": 4}}, "agreement": 1.0},
        {"features": {"c": RARE, "s": {"factor": "shape", "labelled": 0.4}}},
    ],
)
def test_the_design_passes(options):
    check = check_design(ImageTask(**SIZES | options))
    assert check.passed, check.failures()


def test_rows_leave_out_what_is_inherent():
    check = check_design(ImageTask(features={"p": "position", "s": FOUR, "c": FOUR | {"factor": "colour"}}, **SIZES))
    rows = check.table().query("split == 'test'")
    assert rows[rows.check == "painted area"].feature.tolist() == ["p", "c"]
    assert rows[rows.check == "place"].feature.tolist() == ["p", "s", "c"]
    assert rows[(rows.check == "place") & (rows.feature == "p")].note.item() == "strongest of 1: angle"
    assert rows[rows.check == "other factors"].feature.tolist() == ["p", "s", "c"]


class Moved(ImageTask):
    """Red objects stand a little further to the right."""

    def stimuli(self, seed):
        return spoilt(self, super().stimuli(seed), self._objects)

    def _objects(self, split):
        centre = split.scenes.objects.centre.copy()
        centre[split.labels[:, 0] == 0, 0] += 0.08
        return {"centre": centre}


class Grown(Moved):
    """Red objects are a little larger."""

    def _objects(self, split):
        return {"box": split.scenes.objects.box * (1 + 0.5 * (split.labels[:, 0] == 0))}


def spoilt(task, stimuli, change):
    scenes = replace(stimuli.train.scenes, objects=replace(stimuli.train.scenes.objects, **change(stimuli.train)))
    train = ImageSplit(draw(scenes, task.size), stimuli.train.labels, scenes)
    return replace(stimuli, train=train)


class Dyed(ImageTask):
    """The first colour never has the first texture."""

    def stimuli(self, seed):
        stimuli = super().stimuli(seed)
        classes = dict(stimuli.test.scenes.classes)
        classes["texture"] = np.where(stimuli.test.labels[:, 0] == 0, 0, classes["texture"])
        return replace(stimuli, test=replace(stimuli.test, scenes=replace(stimuli.test.scenes, classes=classes)))


class Repeated(ImageTask):
    """Three test images are training images once more, and another one almost is."""

    def stimuli(self, seed):
        stimuli = super().stimuli(seed)
        inputs = stimuli.test.inputs.copy()
        inputs[[5, 6, 7, 8]] = stimuli.train.inputs[[0, 70, 70, 9]]
        inputs[8, 2, 0, 0] ^= 1
        return replace(stimuli, test=replace(stimuli.test, inputs=inputs))


def test_overlap_counts_the_pictures_that_are_the_same_to_the_last_byte():
    task = Repeated(features=PLAIN, **SIZES)
    overlaps = {f.split: f.value for f in check_design(task).findings if f.check == "overlap"}
    assert overlaps == {"train, validation": 0, "train, test": 3, "validation, test": 0}
    stimuli = task.stimuli(0)
    known = {picture.tobytes() for picture in stimuli.train.inputs}
    assert sum(picture.tobytes() in known for picture in stimuli.test.inputs) == 3


def test_keys_of_pictures_take_a_fraction_of_their_memory():
    pictures = draw(ImageTask(features=PLAIN, **SIZES).stimuli(0).train.scenes, 64)
    tracemalloc.start()
    keys = stimulus_keys(pictures)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(set(keys)) == len(pictures)
    assert peak < pictures.nbytes / 50


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (Moved, ("place", "colour", "train")),
        (Grown, ("painted area", "colour", "train")),
        (Dyed, ("other factors", "colour", "test")),
    ],
)
def test_what_gives_a_feature_away_is_found_and_nothing_else(kind, row):
    task = kind(features={"colour": "colour"}, fixed={"shape": "circle"}, **SIZES)
    check = check_design(task)
    failed = {(f.check, f.feature, f.split) for f in check.findings if not f.passed}
    assert failed == {row}


def test_sound_images_fail_no_more_often_than_alpha_says():
    task = ImageTask(features={"colour": {"factor": "colour", "classes": 3}}, size=14, train=300, validation=90, test=2)
    tables = [check_design(task, seed, alpha=0.2).table() for seed in range(60)]
    for check in ("other factors", "place", "painted area"):
        assert np.mean([not table[table.check == check].passed.all() for table in tables]) <= 0.35


def test_the_share_between_classes_is_the_r2_of_a_regression_on_classes():
    random = np.random.default_rng(0)
    labels, values = random.integers(0, 3, 200), random.normal(size=200)
    codes = np.eye(3)[labels]
    fitted = codes @ np.linalg.lstsq(codes, values, rcond=None)[0]
    expected = 1 - np.sum((values - fitted) ** 2) / np.sum((values - values.mean()) ** 2)
    assert between_classes(labels, values) == pytest.approx(expected)
    assert between_classes(labels, np.full(200, 0.3)) == 0
