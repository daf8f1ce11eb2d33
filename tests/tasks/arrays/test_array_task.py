"""Arrays as a task: content, axes, splits, groups, standardisation, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter
from safetensors.numpy import save_file

from repbias.models import MLP, ConvNet, ResNet, ViT
from repbias.tasks import AnyTask, ArrayTask, check_design
from repbias.tasks.task import SPLITS
from repbias.training import Phase, train

N = 240
RANDOM = np.random.default_rng(0)
SIDE, TONE = RANDOM.permutation(N) % 2, np.array(["low", "mid", "high"])[RANDOM.permutation(N) % 3]
LABELS = {"side": SIDE, "tone": TONE}
VECTORS = RANDOM.normal(size=(N, 6)) + 3 * SIDE[:, None]
PICTURES = RANDOM.integers(0, 256, (N, 8, 8, 3), dtype=np.uint8)


def archive(path: Path, **arrays: NDArray) -> str:
    np.savez(path, **arrays)
    return str(path)


class TestContent:
    def test_arrays_tensors_tables_and_files_of_the_same_data_have_one_identity(self, tmp_path: Path) -> None:
        vectors = VECTORS.astype(np.float32)
        tasks = [
            ArrayTask(vectors, LABELS),
            ArrayTask(VECTORS, pd.DataFrame(LABELS)),
            ArrayTask(torch.from_numpy(vectors), {"side": torch.from_numpy(SIDE), "tone": TONE}),
            ArrayTask(path=archive(tmp_path / "a.npz", inputs=vectors, **LABELS)),
            ArrayTask(path=archive(tmp_path / "elsewhere.npz", inputs=vectors, **LABELS)),
            ArrayTask(vectors, LABELS).save(tmp_path / "saved.npz"),
        ]
        assert len({task.digest() for task in tasks}) == 1

    def test_other_data_or_features_have_another_identity(self) -> None:
        other = VECTORS.copy()
        other[7, 3] += 1
        flipped = {"side": 1 - SIDE, "tone": TONE}
        tasks = [
            ArrayTask(VECTORS, LABELS),
            ArrayTask(other, LABELS),
            ArrayTask(VECTORS, flipped),
            ArrayTask(VECTORS, LABELS, features=("tone", "side")),
            ArrayTask(VECTORS, LABELS, standardize=False),
            ArrayTask(VECTORS, LABELS, split=(0.5, 0.25, 0.25)),
        ]
        assert len({task.digest() for task in tasks}) == len(tasks)

    def test_a_safetensors_file_is_read(self, tmp_path: Path) -> None:
        parity = np.arange(N) % 2
        save_file({"inputs": VECTORS, "side": SIDE, "parity": parity}, tmp_path / "a.safetensors")
        task = ArrayTask(path=tmp_path / "a.safetensors", features=["side", "parity"])
        assert task.digest() == ArrayTask(VECTORS, {"side": SIDE, "parity": parity}).digest()

    def test_it_is_made_again_from_its_json(self, tmp_path: Path) -> None:
        for task in (ArrayTask(VECTORS, LABELS), ArrayTask(VECTORS, LABELS).save(tmp_path / "a.npz")):
            again = TypeAdapter(AnyTask).validate_python(task.model_dump(mode="json"))
            assert again == task
            np.testing.assert_array_equal(again.stimuli(3).test.inputs, task.stimuli(3).test.inputs)

    def test_a_file_that_changed_is_refused(self, tmp_path: Path) -> None:
        saved = ArrayTask(VECTORS, LABELS).save(tmp_path / "a.npz").model_dump(mode="json")
        archive(tmp_path / "a.npz", inputs=VECTORS + 1, **LABELS)
        with pytest.raises(ValueError, match=r"a\.npz has changed"):
            ArrayTask(**saved)

    def test_class_names_are_those_of_the_labels(self) -> None:
        task = ArrayTask(VECTORS, LABELS)
        assert task.class_names("tone") == ("high", "low", "mid")
        index = task.indices(5)["validation"]
        names = np.array(task.class_names("tone"))[task.stimuli(5).validation.labels[:, 1]]
        np.testing.assert_array_equal(names, TONE[index])


class TestAxes:
    @pytest.mark.parametrize(
        ("inputs", "axes", "shape"),
        [
            (VECTORS, None, (6,)),
            (PICTURES, None, (3, 8, 8)),
            (np.moveaxis(PICTURES, 3, 1), None, (3, 8, 8)),
            (PICTURES[..., 0], "row column", (1, 8, 8)),
            (PICTURES[..., 0], "step unit", (8, 8)),
            (PICTURES[:, :3, :3], "row column channel", (3, 3, 3)),
        ],
    )
    def test_channels_come_first(self, inputs, axes, shape) -> None:
        assert ArrayTask(inputs, LABELS, axes=axes).input_shape == shape

    def test_first_and_last_channels_are_the_same_pictures(self) -> None:
        last, first = ArrayTask(PICTURES, LABELS), ArrayTask(np.moveaxis(PICTURES, 3, 1), LABELS)
        assert last.digest() == first.digest()


class TestSplits:
    def test_they_are_disjoint_and_of_one_size_and_differ_by_seed(self) -> None:
        task = ArrayTask(VECTORS, LABELS)
        parts = [task.indices(seed) for seed in range(4)]
        for part in parts:
            assert tuple(len(part[name]) for name in SPLITS) == task.n_stimuli == (144, 48, 48)
            assert len(np.unique(np.concatenate(list(part.values())))) == N
        assert len({tuple(part["test"]) for part in parts}) == 4
        np.testing.assert_array_equal(parts[2]["test"], ArrayTask(VECTORS, LABELS).indices(2)["test"])

    def test_every_combination_of_classes_has_its_share(self) -> None:
        labels = {"a": np.arange(300) % 3, "b": (np.arange(300) % 10 == 0).astype(int)}
        task = ArrayTask(RANDOM.normal(size=(300, 2)), labels)
        joint = labels["a"] * 2 + labels["b"]
        for index in task.indices(1).values():
            expected = np.bincount(joint) * len(index) / 300
            assert np.abs(np.bincount(joint[index]) - expected).max() <= 1

    def test_given_splits_are_the_same_for_all_seeds(self) -> None:
        given = {"train": np.arange(100), "validation": np.arange(150, 180), "test": np.arange(200, 240)}
        column = np.full(N, "", dtype="<U10")
        for name, index in given.items():
            column[index] = name
        tasks = ArrayTask(VECTORS, LABELS, split=given), ArrayTask(VECTORS, {**LABELS, "part": column}, split="part")
        for task in tasks:
            assert task.features == ("side", "tone")
            for seed in (0, 5):
                assert {name: tuple(index) for name, index in task.indices(seed).items()} == {
                    name: tuple(index) for name, index in given.items()
                }

    @pytest.mark.parametrize("sizes", [(8,) * 30, (4, 12) * 15])
    def test_a_group_is_in_one_split(self, sizes: tuple[int, ...]) -> None:
        speaker = np.repeat(np.arange(30), sizes)
        task = ArrayTask(VECTORS, LABELS, groups=speaker)
        for seed in range(5):
            parts = task.indices(seed)
            assert tuple(len(parts[name]) for name in SPLITS) == task.n_stimuli
            speakers = [set(speaker[index]) for index in parts.values()]
            assert sum(map(len, speakers)) == len(set.union(*speakers))
        if len(set(sizes)) == 1:
            assert sum(task.n_stimuli) == N


class TestStandardisation:
    def test_training_stimuli_have_mean_0_and_deviation_1_and_set_those_of_the_others(self) -> None:
        shifted = VECTORS * [1, 2, 3, 4, 5, 0] + 7  # the last is constant
        task = ArrayTask(shifted, LABELS)
        stimuli, parts = task.stimuli(2), task.indices(2)
        np.testing.assert_allclose(stimuli.train.inputs.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(stimuli.train.inputs.std(0), [1, 1, 1, 1, 1, 0], atol=1e-5)
        train = shifted[parts["train"]]
        expected = (shifted[parts["test"]] - train.mean(0))[:, :5] / train.std(0)[:5]
        np.testing.assert_allclose(stimuli.test.inputs[:, :5], expected, rtol=1e-4, atol=1e-4)

    def test_pictures_have_one_mean_per_channel(self) -> None:
        train = ArrayTask(PICTURES, LABELS).stimuli(0).train.inputs
        np.testing.assert_allclose(train.mean((0, 2, 3)), 0, atol=1e-5)
        assert np.abs(train.mean(0)).max() > 0.01

    def test_without_it_the_numbers_are_unchanged(self) -> None:
        task = ArrayTask(PICTURES, LABELS, standardize=False)
        np.testing.assert_array_equal(task.stimuli(0).test.inputs, np.moveaxis(PICTURES, 3, 1)[task.indices(0)["test"]])


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"labels": {"side": SIDE[:-1], "tone": TONE}}, "one per stimulus of the inputs, got shape"),
            ({"labels": {"side": SIDE, "tone": np.full(N, "low")}}, "'tone' has one class, 'low'"),
            ({"labels": {"side": SIDE}}, "two or more different features"),
            ({"labels": {"side": SIDE, "size": RANDOM.normal(size=N)}}, "must hold whole numbers"),
            (
                {"labels": {"side": SIDE, "rare": np.arange(N) == 5}},
                "class 'True' of feature 'rare' is absent",
            ),
            ({"inputs": np.where(np.arange(6) == 2, np.nan, VECTORS)}, "NaN or infinite, the first at stimulus 0"),
            ({"inputs": VECTORS * 1e300}, "finite in float32"),
            ({"features": ("side", "tune")}, "did you mean 'tone'"),
            ({"split": (0.6, 0.3, 0.3)}, "fractions above 0 that sum to 1"),
            ({"split": {"train": [0, 1], "validation": [1], "test": [2]}}, "holds a stimulus twice"),
            ({"axes": "row column"}, "2 axes after that of the stimuli"),
            *(
                ({"inputs": inputs}, r"say which with axes='[a-z ]+' or axes='[a-z ]+'")
                for inputs in (PICTURES[..., 0], PICTURES[:, :3, :3], np.zeros((N, 8, 8, 5)))
            ),
        ],
    )
    def test_arrays_that_do_not_fit_or_whose_axes_are_unclear_are_refused(self, change, words) -> None:
        with pytest.raises(ValueError, match=words):
            ArrayTask(**{"inputs": VECTORS, "labels": LABELS, **change})

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("pickled.npz", "'tone' holds pickled objects"),
            ("none.npz", "none.npz"),
            ("a.csv", "a.csv"),
            ("broken.npz", "broken.npz"),
            ("broken.safetensors", "broken.safetensors"),
        ],
    )
    def test_a_file_that_holds_objects_or_cannot_be_read_is_refused(
        self, tmp_path: Path, name: str, words: str
    ) -> None:
        archive(tmp_path / "pickled.npz", inputs=VECTORS, side=SIDE, tone=np.array(TONE, dtype=object))
        for broken in ("a.csv", "broken.npz", "broken.safetensors"):
            (tmp_path / broken).write_text("a,b")
        with pytest.raises(ValueError, match=words):
            ArrayTask(path=tmp_path / name)

    def test_saving_overwrites_nothing(self, tmp_path: Path) -> None:
        task = ArrayTask(VECTORS, LABELS)
        task.save(tmp_path / "a.npz")
        with pytest.raises(ValueError, match="exists already"):
            task.save(tmp_path / "a.npz")


class TestDesign:
    def test_it_reports_correlated_unbalanced_readable_and_repeated(self) -> None:
        rare = np.where(RANDOM.random(N) < 0.8, 0, SIDE)
        inputs = VECTORS.copy()
        inputs[1::2] = inputs[::2]
        rows = check_design(ArrayTask(inputs, {"side": SIDE, "rare": rare})).table()
        failed = {(r.check, r.feature) for r in rows[~rows["passed"]].itertuples()}
        assert {("independence", "side, rare"), ("label balance", "rare"), ("overlap", "all")} <= failed

    def test_only_what_is_in_the_stimuli_is_linearly_readable(self) -> None:
        rows = check_design(ArrayTask(VECTORS, LABELS)).table().query("check == 'linearly readable'")
        by_feature = rows.set_index("feature")
        assert by_feature.loc["side", "value"] > 0.95
        assert not by_feature.loc["side", "passed"]
        assert by_feature.loc["tone", "passed"]


class TestTraining:
    @pytest.mark.parametrize(
        "model",
        [
            MLP(widths=(8,)),
            ConvNet(channels=(4, 8)),
            ResNet(widths=(4, 8), blocks=(1, 1)),
            ViT(patch=4, layers=1, width=8, heads=2),
        ],
        ids=lambda model: type(model).__name__,
    )
    @pytest.mark.parametrize("channels", [1, 3])
    def test_every_model_of_images_trains(self, model, channels: int) -> None:
        task = ArrayTask(PICTURES[..., :channels], LABELS)
        training = {"batch": 32, "optimizer": "adam", "phases": [{"until": "steps", "steps": 3}]}
        (network,) = train(task, model, seeds=1, training=training)
        assert network.outcome.steps == 3
        assert model.connections(task.input_shape, 4) > 0

    def test_it_stops_where_accuracy_no_longer_rises(self) -> None:
        noise = ArrayTask(RANDOM.normal(size=(N, 6)), LABELS)
        assert noise.patience == 2_000
        training = {"batch": 32, "check_every": 20, "phases": [Phase(steps=10_000, patience=100)]}
        networks = train(noise, MLP(widths=(4,)), seeds=2, training=training)
        assert (networks.summary()["steps"] < 5_000).all()
        assert set(networks.summary()["status"]) == {"finished"}

    def test_phases_have_separate_patience(self) -> None:
        noise = ArrayTask(RANDOM.normal(size=(N, 6)), LABELS)
        phases = [Phase(features=("side",), steps=500, patience=40), Phase(steps=500, patience=40)]
        training = {"batch": 32, "check_every": 10, "phases": phases}
        (network,) = train(noise, MLP(widths=(4,)), seeds=1, training=training)
        assert 80 <= network.outcome.steps < 1_000
