"""The table of calibration: counts of outcomes over data sets, and whether they are as they should be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.calibration import TABLE
from benchmarks.calibration.designs import DESIGNS, Design
from benchmarks.calibration.populations import Truths
from scipy import stats

import repbias

RATES, COVERAGES = (0.03, 0.07), (0.92, 0.97)
"""The ranges that are aimed at."""

FALSE_POSITIVE, COVERED, REFUSED, WARNED = "false positive", "covered", "refused", "warned"
NOMINAL = {FALSE_POSITIVE: 0.05, COVERED: 0.95}
KEY = ["statistic", "feature", "measure"]
COLUMNS = ["design", *KEY, "truth", "found", "datasets", "share", "ci_low", "ci_high", "version"]
Outcome = tuple[str, str, str, bool]  # statistic, feature, measure, whether it was so


def counted(design: Design, truths: Truths, found: Sequence[Sequence[Outcome]]) -> pd.DataFrame:
    """Return a row for each statistic and measure of a design, with exact 95 % intervals.

    Parameters
    ----------
    found : the outcomes of each data set.
    """
    table = pd.DataFrame([one for of_set in found for one in of_set], columns=[*KEY, "hit"])
    rows = []
    for (statistic, feature, measure), hits in table.groupby(KEY, sort=False)["hit"]:
        k, n = int(hits.sum()), len(hits)
        exact = stats.binomtest(k, n).proportion_ci(0.95)
        truth = truths.get((feature, measure), np.nan) if statistic == COVERED else np.nan
        numbers = (round(k / n, 4), round(exact.low, 4), round(exact.high, 4))
        rows.append((design.name, statistic, feature, measure, round(truth, 6), k, n, *numbers, repbias.__version__))
    return pd.DataFrame(rows, columns=COLUMNS)


def read_table() -> pd.DataFrame:
    """Return the table of the documentation."""
    return pd.read_csv(TABLE, keep_default_na=False, na_values={"truth": [""]})


def replaced(before: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the rows of some designs in the place of earlier ones, in the order of the designs."""
    others = before[~before["design"].isin(rows["design"])]
    both = pd.concat([others, rows], ignore_index=True) if len(others) else rows
    place = {design.name: number for number, design in enumerate(DESIGNS)}
    both = both[both["design"].isin(place)]
    return both.sort_values("design", key=lambda names: names.map(place), kind="stable", ignore_index=True)


def in_range(statistic: str, share: float) -> bool:
    """Return whether a rate of false positives, or a coverage, is in the range that is aimed at."""
    low, high = RATES if statistic == FALSE_POSITIVE else COVERAGES
    return low <= share <= high


def result(of_design: pd.DataFrame) -> str:
    """Return what the rows of one design amount to.

    A number outside its range counts only where its interval excludes 5 or 95 %. The coverage of R2 where there is no
    effect is left out: it is close to 100 % in every design.
    """
    shares = of_design.set_index("statistic")["share"]
    for statistic, word in ((REFUSED, "refused"), (WARNED, "warned of")):
        if shares.get(statistic, 0.0) > 0.95:
            return word
    without_effect = (of_design["statistic"] == COVERED) & (of_design["feature"] == "null")
    judged = of_design[of_design["statistic"].isin(list(NOMINAL)) & ~without_effect]
    outside = [row for row in judged.to_dict("records") if not in_range(row["statistic"], row["share"])]
    shown = [row for row in outside if not row["ci_low"] <= NOMINAL[row["statistic"]] <= row["ci_high"]]
    if not shown:
        return "calibrated within chance" if outside else "calibrated"
    return "too optimistic" if any(map(_too_optimistic, shown)) else "conservative"


def _too_optimistic(row: dict[Any, Any]) -> bool:
    """Return whether there are more false positives, or less coverage, than there should be."""
    above = row["share"] > NOMINAL[row["statistic"]]
    return bool(above == (row["statistic"] == FALSE_POSITIVE))
