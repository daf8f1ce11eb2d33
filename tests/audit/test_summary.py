"""The ten seconds of an audit: what is said of each feature over layers, and which words are explained."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from repbias.audit.report import RESULT_COLUMNS, AuditReport
from repbias.audit.summary import in_short, meanings, summary

# R2, decodability, and the p of both, of a feature that stands so.
LOUD, MIDDLE, QUIET, NONE, INCONCLUSIVE = (
    (0.4, 0.9, 0.001),
    (0.2, 0.9, 0.001),
    (0.02, 0.9, 0.001),
    (0.0, 0.5, 0.6),
    (0.0, 0.6, 0.03),
)


def audited(**layers: dict[str, tuple[float, float, float]]) -> AuditReport:
    """A report of these features in these layers, with p after correction three times that before."""
    rows = []
    for layer, features in layers.items():
        for feature, (r2, decoded, p) in features.items():
            for measure, value in (("r2_unbiased", r2), ("decodability", decoded)):
                rows.append((layer, feature, measure, value, value - 0.05, value + 0.05, 100, p, min(3 * p, 1.0)))
            rows.append((layer, feature, "chance", 0.5, np.nan, np.nan, 100, np.nan, np.nan))
    names = tuple(next(iter(layers.values())))
    empty = pd.DataFrame()
    return AuditReport(
        layers=tuple(layers), features=names, classes=dict.fromkeys(names, ("0", "1")), n_stimuli=100,
        n_units=dict.fromkeys(layers, 3), results=pd.DataFrame(rows, columns=list(RESULT_COLUMNS)), units=empty,
        components=empty, sentences=(), notes=(), settings={},
    )  # fmt: skip


def test_of_one_layer_only_the_standing_is_told() -> None:
    assert in_short(audited(V4={"shape": LOUD, "ink": NONE})) == {"shape": "dominant", "ink": "not detected"}


def test_layers_that_disagree_are_named_the_loudest_standing_first() -> None:
    report = audited(V4={"shape": NONE, "ink": LOUD}, IT={"shape": LOUD, "ink": QUIET})
    assert in_short(report) == {
        "shape": "dominant in IT; not detected in V4",
        "ink": "dominant in V4; weak but decodable in IT",
    }


def test_many_layers_are_counted_and_all_are_called_all() -> None:
    layers = {f"h.{place}": {"shape": LOUD, "ink": QUIET if place < 5 else NONE} for place in range(6)}
    assert in_short(audited(**layers)) == {
        "shape": "dominant in all 6 layers",
        "ink": "weak but decodable in 5 of 6 layers; not detected in h.5",
    }


def test_what_is_found_nowhere_is_in_no_layer_and_two_layers_are_both() -> None:
    report = audited(V4={"shape": LOUD, "ink": NONE}, IT={"shape": LOUD, "ink": NONE})
    assert in_short(report) == {"shape": "dominant in both layers", "ink": "not detected in any layer"}


def test_the_words_that_occur_are_explained_and_no_others() -> None:
    everything = {"a": LOUD, "b": MIDDLE, "c": QUIET, "d": NONE, "e": INCONCLUSIVE}
    assert list(meanings(audited(V4=everything))) == [
        "dominant",
        "detected",
        "weak but decodable",
        "not detected",
        "inconclusive",
    ]
    assert list(meanings(audited(V4={"a": LOUD, "d": NONE}))) == ["dominant", "not detected"]


@pytest.mark.parametrize(("r2", "said"), [(0.4, "R² 40"), (-0.004, "R² −0.40")])
def test_numbers_stand_with_their_units_and_chance(r2: float, said: str) -> None:
    ((_, numbers),) = summary(audited(V4={"shape": (r2, 0.9, 0.001)}))["V4"]
    assert numbers == f"{said}\u00a0%, decoded 90\u00a0% (chance 50\u00a0%)"
