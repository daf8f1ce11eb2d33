"""The registry of measures: what a report holds, what docstrings list and what tests correct."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import repbias
from repbias.audit.measures import CAUSAL, READOUT, SCORES, TABLES, VARIANCE, all_measures
from repbias.audit.report import corrected
from repbias.core.statistics import holm


def test_names_and_headings_differ() -> None:
    measures = all_measures()
    assert len({one.name for one in measures}) == len(measures)
    for table in TABLES:
        assert len({one.heading for one in table.measures}) == len(table.measures)
        assert not table.tested or table.tested in {one.name for one in table.measures if one.test}


@pytest.mark.parametrize(
    ("function", "tables"), [(repbias.audit_arrays, (VARIANCE, READOUT, SCORES)), (repbias.audit, (CAUSAL,))]
)
def test_docstrings_list_every_measure_with_its_meaning(function: object, tables: tuple) -> None:
    text = " ".join((function.__doc__ or "").split())
    assert "{measures}" not in text
    for measure in all_measures(tables):
        assert f" {measure.name} {measure.definition}." in text
        assert not measure.test or measure.test in text


def test_every_p_value_is_corrected_over_the_tests_of_its_measure() -> None:
    p = np.random.default_rng(0).uniform(0, 0.2, 12)
    rows = pd.DataFrame(
        {"layer": "x", "feature": list("abcdef") * 2, "measure": ["r2"] * 6 + ["new"] * 6, "value": 0.0, "ci_low": 0.0,
         "ci_high": 0.0, "p": p}
    )  # fmt: skip
    rows.loc[5, "p"] = np.nan
    found = corrected(rows, 10)["p_holm"].to_numpy()
    assert found[:5] == pytest.approx(holm(p[:5]))
    assert np.isnan(found[5])
    assert found[6:] == pytest.approx(holm(p[6:]))
