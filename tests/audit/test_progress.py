"""The progress of an audit: which part it is in, and how long the rest takes."""

from __future__ import annotations

import numpy as np
import pytest

import repbias
from repbias.audit.progress import AuditProgress
from repbias.core.progress import Meter


class Clock(AuditProgress):
    """An audit's progress whose time is set, and which keeps what it would show."""

    def __init__(self, passes: int) -> None:
        super().__init__(enabled=False, passes=passes)
        self.now, self.left = 0.0, [0.0]

    @property
    def elapsed(self) -> float:
        return self.now

    def update(self, share: float | None, words: str = "", left: float | None = None) -> None:
        assert left is not None
        self.left.append(left)


def test_time_left_of_interventions_leaves_out_the_time_of_fitting_what_is_erased() -> None:
    progress = Clock(passes=20)
    progress.now = 1.0
    progress.has_read()  # 20 more passes of a second
    on_pass = progress.intervening()
    for done in range(1, 101):
        progress.now = 11.0 + done / 5  # ten seconds of fitting, then 100 batches of 0.2 seconds
        on_pass(done / 100)
    predicted = np.array(progress.left[1:-1])
    actual = (100 - np.arange(1, 100)) / 5
    np.testing.assert_allclose(predicted, actual, rtol=0.05)


def test_a_stream_shows_its_reading_and_the_estimates_of_each_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[float, str]] = []
    monkeypatch.setattr(Meter, "update", lambda _, share, words="", left=None: shown.append((share, words)))
    random = np.random.default_rng(0)
    labels = {name: random.integers(0, 2, 1200) for name in ("colour", "shape")}
    activity = {layer: random.normal(size=(1200, 6)) for layer in ("V4", "IT")}
    chunks = ({layer: values[rows] for layer, values in activity.items()} for rows in (slice(0, 600), slice(600, 1200)))
    repbias.audit_stream(chunks, labels, resamples=100, permutations=50, sample=1000)
    words = [words for _, words in shown]
    assert words == [
        *("reading, 600 of 1,200 stimuli", "reading, 1,200 of 1,200 stimuli"),
        *["estimates and tests, V4"] * 3,
        *["estimates and tests, IT"] * 3,
    ]
    assert shown[-1][0] == pytest.approx(1, abs=0.01)
