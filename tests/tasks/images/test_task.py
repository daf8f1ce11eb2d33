"""Labels say what is drawn, are balanced and independent in every split, and training does what is declared."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repbias.tasks import ImageFeature, ImageTask
from repbias.tasks.generated import agreeing, class_counts, drawn_alike, stimulus_keys
from repbias.tasks.images.drawing import draw
from repbias.tasks.images.factors import FACTORS
from repbias.tasks.task import Split, Task

SMALL = {"train": 600, "validation": 120, "test": 130, "size": 32}
PLAIN = {"colour": "colour", "shape": "shape"}
CLASSED = ("shape", "texture", "colour", "background", "size")
TURNABLE = {"factor": "shape", "classes": ("tee", "triangle", "square")}

PINNED_LABELS = [[4, 9], [7, 2], [1, 4], [1, 6], [2, 1], [4, 8]]
PINNED_PIXELS = [  # RGB at row and column 16
    [128, 128, 128],
    [26, 102, 128],
    [128, 128, 128],
    [128, 128, 128],
    [80, 80, 175],
    [140, 125, 140],
]
PINNED_MEAN = 128.2467


def small(features, **options):
    return ImageTask(features=features, **SMALL | options)


def splits(task, seed=0):
    stimuli = task.stimuli(seed)
    return {"train": stimuli.train, "validation": stimuli.validation, "test": stimuli.test}


tasks = st.builds(
    lambda factors, classes, train, options: small(
        {f"f{i}": {"factor": factor, "classes": min(classes, 5)} for i, factor in enumerate(factors)},
        train=train,
        **options,
    ),
    st.lists(
        st.sampled_from(["shape", "texture", "colour", "background", "size"]), min_size=1, max_size=3, unique=True
    ),
    st.integers(2, 5),
    st.integers(60, 200),
    st.sampled_from([{}, {"size": 40}, {"fixed": {"rotation": "0..22.5"}}, {"fixed": {"position": "row2column1"}}]),
)


@settings(max_examples=20, deadline=None)
@given(task=tasks, seed=st.integers(0, 2**32))
def test_truths_of_every_task(task, seed):
    seen = set()
    for name, split in splits(task, seed).items():
        n = getattr(task, name)
        assert (split.inputs.dtype, split.labels.dtype) == (np.uint8, np.int64)
        assert (split.inputs.shape, split.labels.shape) == ((n, *task.input_shape), (n, len(task.features)))
        for feature, classes, column in zip(task.features.values(), task.n_classes, split.labels.T, strict=True):
            counts = np.bincount(column, minlength=classes)
            assert (len(counts), counts.max() - counts.min() <= 1) == (classes, True)
            np.testing.assert_array_equal(column, split.scenes.classes[feature.factor])
        np.testing.assert_array_equal(split.inputs, draw(split.scenes, task.size))
        keys = set(stimulus_keys(split.inputs))
        assert not keys & seen
        seen |= keys


def test_the_default_is_the_published_task_at_32_px():
    task = ImageTask(features=PLAIN)
    assert (task.n_classes, task.input_shape, task.n_stimuli) == ((10, 10), (3, 32, 32), (16384, 1024, 2048))
    assert task.class_names("shape")[4] == "tee"
    assert task.class_names("colour")[7] == "ocean"
    assert isinstance(task, Task)
    assert (task.manipulations, task.agreements, task.measured_names) == ({}, {}, ("colour", "shape"))


def test_labels_are_the_colours_and_classes_that_are_drawn():
    split = small({"c": {"factor": "colour", "classes": ("white", "red")}, "s": {"factor": "shape", "classes": 3}})
    test = split.stimuli(3).test
    np.testing.assert_array_equal(test.scenes.objects.colour[:, 1] == 1, test.labels[:, 0] == 0)
    np.testing.assert_array_equal(test.scenes.objects.shape, test.labels[:, 1])


def test_factors_that_are_no_features_vary_freely_or_are_the_trifeatures():
    scenes = small({"colour": "colour"}, train=4000).stimuli(0).train.scenes
    for factor in ("shape", "texture", "rotation", "position"):
        counts = np.bincount(scenes.classes[factor])
        assert len(counts) == FACTORS[factor].default
        assert counts.max() - counts.min() <= 1
    assert {factor: scenes.names[factor] for factor in ("size", "background", "number")} == {
        "size": ("1",),
        "background": ("grey",),
        "number": ("1",),
    }
    assert "relation" not in scenes.classes


def test_scenes_of_several_objects_say_how_many_and_no_position():
    pair = small({"r": "relation"}).stimuli(0).test.scenes
    assert (pair.names["number"], "position" in pair.classes) == (("2",), False)
    counted = small({"n": "number"}).stimuli(0).test
    np.testing.assert_array_equal(np.bincount(counted.scenes.objects.image), counted.labels[:, 0] + 1)
    assert "position" not in counted.scenes.classes


def test_a_fixed_factor_has_its_one_class():
    fixed = {"texture": "solid", "rotation": "-22.5..0", "size": "0.5", "background": "tan"}
    scenes = small(PLAIN, fixed=fixed).stimuli(0).test.scenes
    assert {factor: scenes.names[factor] for factor in fixed} == {factor: (value,) for factor, value in fixed.items()}
    assert (scenes.objects.texture == 0).all()
    assert (np.abs(np.degrees(scenes.objects.angle) + 11.25) < 0.3 * 22.5 + 1e-9).all()


@pytest.mark.parametrize(
    "features",
    [
        PLAIN,
        {"number": "number", "background": {"factor": "background", "classes": 4}},
        {"r": "relation", "c": {"factor": "colour", "classes": 2}, "s": {"factor": "shape", "classes": 2}},
        {"rotation": {"factor": "rotation", "classes": 3}, "s": TURNABLE, "size": {"factor": "size", "classes": 3}},
    ],
)
def test_same_seed_same_images_other_seed_other_images(features):
    task = small(features)
    for name, split in splits(task, 3).items():
        again, other = splits(task, 3)[name], splits(task, 4)[name]
        np.testing.assert_array_equal(split.inputs, again.inputs)
        np.testing.assert_array_equal(split.labels, again.labels)
        assert not set(stimulus_keys(split.inputs)) & set(stimulus_keys(other.inputs))


def test_pictures_are_those_of_every_other_machine():
    """Pinned: a change of these is a change of the stimuli, and of every result that was made with them."""
    test = small(PLAIN).stimuli(0).test
    assert test.labels[:6].tolist() == PINNED_LABELS
    assert np.abs(test.inputs[:6, :, 16, 16].astype(int) - PINNED_PIXELS).max() <= 1
    assert test.inputs.mean() == pytest.approx(PINNED_MEAN, abs=0.01)


def test_images_that_another_split_has_are_drawn_again_and_no_others():
    task = small(PLAIN)
    labels = task.stimuli(0).test.labels
    first = task.draw(0, "test", len(labels), set())
    keys = stimulus_keys(first.inputs)
    seen = set(keys[3:7])
    again = task.draw(0, "test", len(labels), seen)
    changed = [old != new for old, new in zip(keys, stimulus_keys(again.inputs), strict=True)]
    assert np.flatnonzero(changed).tolist() == [3, 4, 5, 6]
    np.testing.assert_array_equal(again.inputs, draw(again.scenes, task.size))
    np.testing.assert_array_equal(again.scenes.classes["colour"], labels[:, 0])


def test_other_factors_are_measured_as_classes_beside_the_features():
    task = small(PLAIN, measured=("texture", "position", "rotation"))
    test = task.stimuli(0).test
    labels = task.measured_labels(test)
    assert task.measured_names == ("colour", "shape", "texture", "position", "rotation")
    np.testing.assert_array_equal(labels[:, :2], test.labels)
    np.testing.assert_array_equal(labels[:, 2], test.scenes.objects.texture)
    right, low = (test.scenes.objects.centre > 0.5).T
    np.testing.assert_array_equal(labels[:, 3], 2 * low + right)
    np.testing.assert_array_equal(labels[:, 4], np.floor(np.degrees(test.scenes.objects.angle) / 22.5) + 2)
    with pytest.raises(ValueError, match=r"ImageSplit.*got a Split"):
        task.measured_labels(Split(test.inputs, test.labels))
    assert small(PLAIN).measured_labels(Split(test.inputs, test.labels)) is test.labels


def test_networks_read_numbers_from_minus_1_to_1():
    task = small(PLAIN)
    inputs = task.stimuli(0).test.inputs
    read = task.network_inputs(inputs)
    assert read.dtype == torch.float32
    np.testing.assert_allclose(read.numpy(), inputs / 127.5 - 1, atol=1e-6)


def test_a_dataset_yields_images_and_labels():
    task = small({"colour": {"factor": "colour", "labelled": 0.5}})
    dataset, train = task.dataset(2, "train"), task.stimuli(2).train
    images, labels = next(iter(torch.utils.data.DataLoader(dataset, batch_size=600)))
    np.testing.assert_array_equal(images.numpy(), task.network_inputs(train.inputs).numpy())
    np.testing.assert_array_equal(labels.numpy(), train.labels)
    assert (images.dtype, labels.dtype, len(dataset)) == (torch.float32, torch.int64, 600)
    with pytest.raises(IndexError):
        dataset[600]


def test_class_shares_and_labelled_fractions_are_exact_and_of_training_alone():
    shares = (0.1, 0.2, 0.3, 0.4)
    task = small({"s": {"factor": "shape", "classes": 4, "shares": shares, "labelled": 0.5}, "c": "colour"}, train=1000)
    drawn = splits(task)
    labels = drawn["train"].labels[:, 0]
    assert np.bincount(labels[labels >= 0]).tolist() == [50, 100, 150, 200]
    assert np.bincount(drawn["train"].scenes.classes["shape"]).tolist() == [100, 200, 300, 400]
    np.testing.assert_array_equal(labels[labels >= 0], drawn["train"].scenes.classes["shape"][labels >= 0])
    assert np.ptp(np.bincount(drawn["test"].labels[:, 0])) <= 1
    assert (task.manipulations["s"].class_shares, task.manipulations["s"].labelled) == (shares, 0.5)
    assert set(task.manipulations) == {"s"}


@pytest.mark.parametrize("share", [0.0, 0.1, 0.75, 1.0])
def test_two_features_agree_in_so_many_training_images_and_no_others(share):
    task = small(PLAIN, agreement=share, train=1000, test=2000)
    train, _, test = splits(task).values()
    assert np.mean(train.labels[:, 0] == train.labels[:, 1]) == share
    assert np.abs(np.bincount(train.labels[:, 1], minlength=10) - 100).max() <= 10
    assert np.mean(test.labels[:, 0] == test.labels[:, 1]) == pytest.approx(0.1, abs=5 * 0.3 / np.sqrt(2000))
    assert task.agreements == {frozenset(PLAIN): share}


def test_those_that_do_not_agree_have_every_other_class_alike():
    first = np.repeat(np.arange(5), 400)
    second = agreeing(np.random.default_rng(0), first, 5, 0.2)
    table = np.zeros((5, 5), dtype=int)
    np.add.at(table, (first, second), 1)
    np.testing.assert_array_equal(table, np.full((5, 5), 80))


@given(st.integers(0, 500), st.lists(st.floats(0.01, 1), min_size=2, max_size=8))
def test_class_counts_add_up_and_lie_within_one_of_their_shares(n, weights):
    shares = tuple(weight / sum(weights) for weight in weights)
    counts = np.array(class_counts(n, shares))
    assert counts.sum() == n
    assert np.abs(counts - n * np.array(shares)).max() < 1


@given(st.integers(0, 2**32), st.floats(0, 1))
def test_those_drawn_alike_have_the_same_class_shares(seed, labelled):
    labels = np.repeat([0, 1, 2], [10, 50, 100])
    total = round(labelled * len(labels))
    chosen = drawn_alike(np.random.default_rng(seed), labels, total)
    assert chosen.sum() == total
    assert np.abs(np.bincount(labels[chosen], minlength=3) - np.array([10, 50, 100]) * total / 160).max() <= 1.5


@pytest.mark.parametrize("seed", [0, 1])
def test_the_predecessors_split(seed):
    """Hermann & Lampinen (2020): 3,430 training and 3,570 other images, with 10 renderings of each combination."""
    task = ImageTask(features={"shape": "shape"}, held_out=3, **SMALL | {"train": 3430, "validation": 3570})
    train, other = (task.combinations(seed, split) for split in ("train", "validation"))
    assert (10 * len(train), 10 * len(other)) == (3430, 3570)
    assert len(set(map(tuple, train)) | set(map(tuple, other))) == 700
    drawn = splits(task, seed)
    for name, allowed in (("train", train), ("validation", other), ("test", other)):
        classes = drawn[name].scenes.classes
        together = np.stack([classes[factor] for factor in ("shape", "texture", "colour")], axis=1)
        assert set(map(tuple, together)) <= set(map(tuple, allowed))
    counts = np.bincount(np.unique(together_codes(drawn["train"]), return_inverse=True)[1])
    assert len(counts) == 343  # every combination occurs
    assert task.n_classes == (7,)
    names = task.class_names("shape", seed)
    every = drawn["validation"].scenes.names["shape"]
    shown = [every[i] for i in drawn["validation"].scenes.classes["shape"]]
    assert shown == [names[label] for label in drawn["validation"].labels[:, 0]]


def together_codes(split):
    classes = split.scenes.classes
    return classes["shape"] * 100 + classes["texture"] * 10 + classes["colour"]


def test_which_classes_are_held_out_is_drawn_by_seed_and_factor():
    task = small({"shape": "shape"}, held_out=3)
    assert len({task.class_names("shape", seed) for seed in range(20)}) > 15
    assert task.class_names("shape", 5) == task.class_names("shape", 5)


def test_with_two_features_the_third_factor_has_the_held_out_class():
    task = small(PLAIN, held_out=3)
    held = task.combinations(1, "test")
    assert len(held) == 7 * 7 * 3
    assert not set(held[:, 1]) & set(task.combinations(1, "train")[:, 1])


def test_combinations_are_all_where_none_is_held_out():
    for split in ("train", "test"):
        assert len({tuple(row) for row in small(PLAIN).combinations(0, split)}) == 1000
    assert len(small(PLAIN, fixed={"texture": "rain"}).combinations(0, "train")) == 100


def test_a_string_a_dictionary_and_a_spec_are_the_same_task():
    written = [small({"s": feature}) for feature in ("shape", {"factor": "shape"}, ImageFeature(factor="shape"))]
    assert len({task.digest() for task in written}) == 1
    assert ImageTask.model_validate_json(written[0].canonical_json()) == written[0]
    named = small({"s": {"factor": "shape", "classes": ["tee", "star"]}})
    assert ImageTask.model_validate_json(named.canonical_json()) == named
