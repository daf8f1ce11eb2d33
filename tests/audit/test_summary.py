"""The summary of an audit: the status of each feature over layers, and the meanings of the words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from repbias.audit.report import RESULT_COLUMNS
from repbias.audit.status import meanings, statuses, summary

# R2, decodability, and the p of both, of a feature with that status.
LOUD, MIDDLE, QUIET, NONE, INCONCLUSIVE = (
    (0.4, 0.9, 0.001),
    (0.25, 0.9, 0.001),
    (0.02, 0.9, 0.001),
    (0.0, 0.5, 0.6),
    (0.0, 0.6, 0.03),
)


def audited(**layers: dict[str, tuple[float, float, float]]) -> pd.DataFrame:
    """Return the statuses of these features in these layers, with p after correction three times that before."""
    rows = []
    for layer, features in layers.items():
        for feature, (r2, decoded, p) in features.items():
            lead = r2 - max((other for name, (other, *_) in features.items() if name != feature), default=0.0)
            for measure, value in (("r2_unbiased", r2), ("decodability", decoded), ("r2_lead", lead)):
                rows.append((layer, feature, measure, value, value - 0.05, value + 0.05, 100, p, min(3 * p, 1.0)))
            rows.append((layer, feature, "chance", 0.5, np.nan, np.nan, 100, np.nan, np.nan))
    return statuses(pd.DataFrame(rows, columns=list(RESULT_COLUMNS)))


def test_for_one_layer_the_summary_is_the_status() -> None:
    assert summary(audited(V4={"shape": LOUD, "ink": NONE})) == {"shape": "dominant", "ink": "not detected"}


def test_layers_that_differ_are_named_from_dominant_to_inconclusive() -> None:
    report = audited(V4={"shape": NONE, "ink": LOUD}, IT={"shape": LOUD, "ink": QUIET})
    assert summary(report) == {
        "shape": "dominant in IT; not detected in V4",
        "ink": "dominant in V4; weak but decodable in IT",
    }


def test_many_layers_are_counted() -> None:
    layers = {f"h.{place}": {"shape": LOUD, "ink": QUIET if place < 5 else NONE} for place in range(6)}
    assert summary(audited(**layers)) == {
        "shape": "dominant in all 6 layers",
        "ink": "weak but decodable in 5 of 6 layers; not detected in h.5",
    }


def test_a_feature_that_is_not_detected_is_so_in_any_layer_and_two_layers_are_both() -> None:
    report = audited(V4={"shape": LOUD, "ink": NONE}, IT={"shape": LOUD, "ink": NONE})
    assert summary(report) == {"shape": "dominant in both layers", "ink": "not detected in any layer"}


def test_only_the_statuses_that_occur_are_explained() -> None:
    everything = {"a": LOUD, "b": MIDDLE, "c": QUIET, "d": NONE, "e": INCONCLUSIVE}
    assert list(meanings(audited(V4=everything))) == [
        "dominant",
        "detected",
        "weak but decodable",
        "not detected",
        "inconclusive",
    ]
    assert list(meanings(audited(V4={"a": LOUD, "d": NONE}))) == ["dominant", "not detected"]
