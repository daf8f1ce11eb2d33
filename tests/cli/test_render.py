"""`repbias render`: what is written, what is refused, and that a rendering cut short is completed, the same."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from processes import wait_until

from repbias.cli import main as cli
from repbias.tasks.images.factors import COLOURS
from repbias.tasks.images.rendering import Rendering, render

SMALL = Rendering(factors=("shape", "colour"), size=16, renderings=2, seed=3)
WORDS = ["--factors", "shape", "colour", "--size", "16", "--renderings", "2", "--seed", "3"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A rendering that was never interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "images"
    assert render(SMALL, folder) == 200
    return folder


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def call(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["repbias", "render", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    said = capsys.readouterr()
    return caught.value.code, said.out, said.err


def test_every_image_has_a_stable_name_and_a_row(whole):
    table = pd.read_csv(whole / "labels.csv", dtype={"size": str})
    assert sorted(table.file) == sorted(name for name in contents(whole) if name.count("/"))
    assert table.file[0] == "triangle/red_0.png"
    assert table.file[199] == "trapezoid/white_1.png"
    assert table.groupby(["shape", "colour"]).size().eq(2).all()
    named = table["shape"] + "/" + table["colour"] + "_" + (table.index % 2).astype(str) + ".png"
    assert (table.file == named).all()
    assert set(table.background) == {"grey"}
    assert set(table.texture) > {"solid", "rain"}


def test_a_row_says_what_is_in_the_image(whole):
    table = pd.read_csv(whole / "labels.csv")
    solid = table[(table.texture == "solid") & table["shape"].isin(["square", "circle", "pentagon"])]
    assert len(solid)
    for row in solid.itertuples():
        picture = np.array(Image.open(whole / row.file))
        assert picture.shape == (16, 16, 3)
        wanted = np.floor(255 * np.array(COLOURS[row.colour]) + 0.5)
        np.testing.assert_array_equal(picture[int(row.y), int(row.x)], wanted)
        weight = np.abs(picture.astype(float) - 128).sum(axis=2)
        if row.shape != "pentagon":  # whose centre of mass is not that of its box
            centre = (weight * (np.arange(16) + 0.5)).sum() / weight.sum()
            assert centre == pytest.approx(row.x, abs=0.15)


def test_the_same_seed_writes_the_same_images_and_another_does_not(whole, tmp_path):
    render(SMALL, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(whole)
    render(SMALL.model_copy(update={"seed": 4}), tmp_path / "other")
    other = contents(tmp_path / "other")
    assert set(other) == set(contents(whole))
    assert not set(other.values()) & set(contents(whole).values())


def test_the_contact_sheet_shows_each_combination_where_its_names_say(whole):
    sheet = np.array(Image.open(whole / "contact_sheet.png").convert("RGB"))
    left, top, side = 110, 40, 16
    assert sheet.shape == (10 * side + 150, 10 * side + 130, 3)
    shapes = ("triangle", "square", "plus", "circle", "tee", "rhombus", "pentagon", "star", "fivesquare", "trapezoid")
    for row, shape in enumerate(shapes):
        for column, colour in enumerate(COLOURS):
            cell = sheet[top + row * side :, left + column * side :][:side, :side]
            np.testing.assert_array_equal(cell, np.array(Image.open(whole / shape / f"{colour}_0.png")))


def test_what_is_missing_is_written_and_what_is_there_is_kept(whole, tmp_path):
    folder = tmp_path / "images"
    shutil.copytree(whole, folder)
    shutil.rmtree(folder / "star")
    (folder / "labels.csv").unlink()
    (folder / "contact_sheet.png").unlink()
    kept = (folder / "tee").stat().st_ino
    render(SMALL, folder)
    assert contents(folder) == contents(whole)
    assert (folder / "tee").stat().st_ino == kept


def test_killed_at_any_moment_the_same_command_completes_it(whole, tmp_path):
    folder = tmp_path / "images"
    command = [sys.executable, "-m", "repbias", "render", "trifeature", "--out", str(folder), *WORDS]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    assert wait_until(lambda: (folder / "square").exists() or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "contact_sheet.png").exists()
    render(SMALL, folder)
    assert contents(folder) == contents(whole)


def _no_file_above(size):
    """Files cannot grow beyond so many bytes, as on a disk that is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_is_reported_and_the_same_command_completes_it(whole, tmp_path):
    folder = tmp_path / "images"
    largest_png = max(len(data) for name, data in contents(whole).items() if "/" in name)
    command = [sys.executable, "-m", "repbias", "render", "trifeature", "--out", str(folder), *WORDS]
    done = subprocess.run(
        command, capture_output=True, text=True, preexec_fn=lambda: _no_file_above(largest_png + 1), env=os.environ
    )
    assert done.returncode == 2
    assert "error: cannot write to" in done.stderr
    assert "run the same command again" in done.stderr
    assert len(list(folder.glob("*/*.png"))) == 200
    assert not (folder / "labels.csv").exists()
    render(SMALL, folder)
    assert contents(folder) == contents(whole)


def test_a_folder_of_something_else_is_refused_and_left_alone(whole, tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    for words, problem in [
        (["--out", tmp_path], "is not empty, and holds no rendering; name an empty or a new folder"),
        (["--out", tmp_path / "mine.txt"], "is a file; name a folder"),
        (["--out", whole, "--size", 20], "holds a rendering of other settings"),
    ]:
        status, _, said = call(monkeypatch, capsys, "trifeature", *words)
        assert (status, problem in said) == (2, True), said
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--size", 10], "set size to 14 or more"),
        (["--renderings", 0], "renderings: Input should be greater than or equal to 1 (got 0)"),
        (["--factors", "shap"], "unknown factor 'shap'; did you mean 'shape'"),
        (["--factors", "shape", "shape"], "a factor is named twice in shape, shape"),
        (["--factors", "relation", "size"], "size cannot be chosen where there are several objects"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_written(words, problem, tmp_path, monkeypatch, capsys):
    status, _, said = call(monkeypatch, capsys, "trifeature", "--out", tmp_path / "new", *words)
    assert (status, problem in said) == (2, True), said
    assert not (tmp_path / "new").exists()


def test_other_factors_are_crossed_too_and_objects_stand_side_by_side(tmp_path, monkeypatch, capsys):
    words = ["--size", 28, "--renderings", 1, "--factors", "number", "background", "relation"]
    status, said, _ = call(monkeypatch, capsys, "trifeature", "--out", tmp_path / "r", *words)
    assert status == 2  # number and relation
    words = ["--size", 28, "--renderings", 3, "--factors", "number", "background"]
    status, said, _ = call(monkeypatch, capsys, "trifeature", "--out", tmp_path / "n", *words)
    assert (status, said) == (0, f"120 images: {tmp_path / 'n'}\n")
    table = pd.read_csv(tmp_path / "n" / "labels.csv")
    assert (table.x.astype(str).str.split().str.len() == table.number).all()
    assert json.loads((tmp_path / "n" / "rendering.json").read_text())["factors"] == ["number", "background"]
    assert Path(tmp_path / "n" / "4" / "black_2.png").is_file()
