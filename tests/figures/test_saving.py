"""A figure is written by the ending of its path, with text as text, and shows itself in a notebook."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import matplotlib
import pandas as pd
import pytest

from repbias.figures import style
from repbias.figures.figure import Figure
from repbias.figures.keys import feature_key

NAMES = ("easy", "<hard> & $x_2$")


def drawn(**changes: str) -> Figure:
    """A small figure that names two features."""
    with style.applied():
        drawing = style.canvas(3, 2)
        feature_key(drawing, style.feature_colours(NAMES), 2)
        drawing.add_axes((0.2, 0.2, 0.7, 0.5)).plot([0, 1], [0, 1])
        text = {"title": "A title", "caption": "A caption."} | changes
        return Figure("a-name", drawing=drawing, numbers=pd.DataFrame({"mark": ["line"]}), **text)


@pytest.mark.parametrize(("ending", "start"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("PNG", b"\x89PNG")])
def test_the_ending_decides_the_format(tmp_path: Path, ending: str, start: bytes) -> None:
    path = tmp_path / "new folder" / f"figure.{ending}"
    assert drawn().save(path) == path
    assert path.read_bytes().startswith(start)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


ENDINGS = r"\.pdf, \.svg or \.png"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *((f"new/{name}", ENDINGS) for name in ("figure.docx", "figure", ".gitignore", "figure.svg.gz", "figure.jpg")),
        ("data.csv", ENDINGS),
        ("folder.png", "folder"),
    ],
)
def test_another_ending_and_a_folder_are_refused_and_nothing_is_written(
    tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "data.csv").write_text("kept")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ValueError, match=message):
        drawn().save(tmp_path / name)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["data.csv", "folder.png"]
    assert (tmp_path / "data.csv").read_text() == "kept"


def test_a_picture_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "old.png").write_bytes(b"old")
    assert drawn().save(tmp_path / "old.png").read_bytes() != b"old"


def test_text_stays_text_in_svg_and_becomes_paths_for_pages(tmp_path: Path) -> None:
    from repbias.figures.figure import svg_of

    saved = drawn().save(tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert re.search(r"<text[^>]*>easy</text>", saved)
    assert "&lt;hard&gt; &amp; $x_2$</text>" in saved
    assert b"<text" not in svg_of(drawn())


def test_fonts_of_a_pdf_are_embedded_as_truetype(tmp_path: Path) -> None:
    content = drawn().save(tmp_path / "figure.pdf").read_bytes()
    assert b"/CIDFontType2" in content
    assert b"/Type3" not in content


@pytest.mark.parametrize("ending", ["pdf", "svg", "png"])
def test_the_same_figure_gives_the_same_bytes(tmp_path: Path, ending: str) -> None:
    one, other = (drawn().save(tmp_path / f"{name}.{ending}").read_bytes() for name in ("one", "other"))
    assert one == other


def test_saving_leaves_the_settings_of_the_user_alone(tmp_path: Path) -> None:
    with matplotlib.rc_context({"svg.fonttype": "path", "font.size": 17.0}):
        before = dict(matplotlib.rcParams)
        drawn().save(tmp_path / "figure.svg")
        assert dict(matplotlib.rcParams) == before


def test_a_notebook_shows_the_drawing_with_escaped_title_and_caption() -> None:
    page = drawn(title="<b>", caption="a < b & c")._repr_html_()
    assert "<b>&lt;b&gt;.</b> a &lt; b &amp; c" in page
    (source,) = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert base64.b64decode(source).startswith(b"\x89PNG")
