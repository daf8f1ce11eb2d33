"""The ladder's figure draws its points, and nothing else."""

from __future__ import annotations

import itertools

import pandas as pd

from repbias.core.results import POINT_COLUMNS
from repbias.figures.levels import ladder

POINTS = pd.DataFrame(
    [
        ("Alone", "$x$_y", 6.5, 6.4, 6.6, 20, 0.9, 0.85, 0.95, 20),
        ("Alone", "b", 9.0, float("-inf"), float("inf"), 1, 0.2, 0.1, 0.3, 5),
    ],
    columns=POINT_COLUMNS,
)


def test_numbers_and_names_are_drawn_as_they_are() -> None:
    figure = ladder(POINTS, {"Alone": ("steps", "R2")})
    (axes,) = figure.drawing.axes
    assert [text.get_text() for text in axes.texts] == ["$x$_y", "b"]
    assert axes.get_xlabel() == "steps"
    drawn = {tuple(point) for line in axes.lines for point in line.get_xydata().tolist()}
    assert {(6.5, 0.9), (9.0, 0.2)} <= drawn
    pd.testing.assert_frame_equal(figure.numbers, POINTS)
    assert "n = 1 to 20 networks" in figure.caption


def test_names_of_neighbours_lie_beside_points_and_not_on_them() -> None:
    crowd = [("Alone", f"threshold{n}", 7 + n / 3, 6, 8, 20, 0.9 - n / 50, 0.8, 1, 20) for n in range(3)]
    figure = ladder(pd.concat([POINTS, pd.DataFrame(crowd, columns=POINT_COLUMNS)]), {})
    figure.drawing.canvas.draw()
    (axes,) = figure.drawing.axes
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    centres = axes.transData.transform(figure.numbers[["x", "y"]].to_numpy(float))
    assert not any(box.contains(*centre) for box in boxes for centre in centres)


def test_without_points_it_says_so() -> None:
    assert "No points" in ladder(POINTS.iloc[:0], {}).caption
