"""Select from tidy tables what a figure draws, whatever the order of their rows; and words on what was selected."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from repbias.core.statistics import mean_intervals

MEASUREMENTS = ("condition", "seed", "step", "layer", "feature", "measure", "value")
_NOT_FACTORS = ("condition", "penultimate", "study")
MOST_PANELS = 12


def require_columns(frame: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    """Refuse a table that lacks a column.

    Raises
    ------
    ValueError : naming the columns missing, those that came, and the nearest names.
    """
    missing = [name for name in columns if name not in frame.columns]
    if not missing:
        return
    came = [str(name) for name in frame.columns]
    near = sorted({match for name in missing for match in difflib.get_close_matches(name, came, 1)})
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    raise ValueError(f"The {what} table needs the columns {', '.join(missing)}; it has {', '.join(came)}.{hint}")


def natural(name: object) -> list[tuple[int, int, str]]:
    """A sorting key by which ``hidden.2`` comes before ``hidden.10``."""
    parts = re.split(r"(\d+)", str(name))
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def in_order(names: Iterable[object]) -> list[str]:
    """Distinct names in natural order."""
    return sorted({str(name) for name in names}, key=natural)


def layer_order(layers: pd.Series) -> list[str]:
    """Layers from input to output.

    An ordered categorical column decides; else names that differ only in numbers (``hidden.0``, ``hidden.1``) are
    sorted by number; any others keep the order in which they first appear.
    """
    present = [str(name) for name in layers.unique()]
    if isinstance(layers.dtype, pd.CategoricalDtype) and layers.cat.ordered:
        return [str(name) for name in layers.cat.categories if str(name) in present]
    stems = {re.sub(r"\d+", "", name) for name in present}
    return in_order(present) if len(stems) == 1 else present


def factors(conditions: pd.DataFrame) -> list[str]:
    """The factor columns."""
    return [str(name) for name in conditions.columns if name not in _NOT_FACTORS]


def varying_factors(conditions: pd.DataFrame) -> list[str]:
    """The factor columns that take more than one value."""
    return [name for name in factors(conditions) if conditions[name].astype(str).nunique() > 1]


def evenly(count: int) -> list[int]:
    """The places of all of `count` things, or, of many, of the first, the last, and some evenly spaced between."""
    return [round(place) for place in np.linspace(0, count - 1, min(count, MOST_PANELS))]


def drawn(conditions: pd.DataFrame) -> pd.DataFrame:
    """The conditions that get a panel in figures with one panel per condition: all, or 12 spread evenly over many."""
    return conditions.iloc[evenly(len(conditions))]


def drawn_titles(conditions: pd.DataFrame) -> dict[str, str]:
    """The titles of the conditions that have a panel."""
    shown = set(drawn(conditions)["condition"].astype(str))
    return {name: title for name, title in titles(conditions).items() if name in shown}


def drawn_sentence(conditions: pd.DataFrame) -> str:
    """Which conditions have no panel, with a leading space; empty if all have one."""
    shown = drawn_titles(conditions)
    left = [title for name, title in titles(conditions).items() if name not in shown]
    if not left:
        return ""
    return (
        f" The figure shows {len(shown)} of {len(conditions)} conditions, evenly spaced in the study’s order; the CSV "
        f"has all. Not shown: {'; '.join(left)}."
    )


def panel_columns(conditions: pd.DataFrame, most: int = 4) -> int:
    """How many panels to put in a row, at most `most`, so that rows start with the last factor's first level."""
    count = len(conditions)
    varying = varying_factors(conditions)
    levels = conditions[varying[-1]].astype(str).nunique() if len(varying) > 1 else 1
    whole = [number for number in range(levels, most + 1, levels) if count % number == 0]
    if levels > 1 and whole:
        return whole[-1]
    return min({5: 3, 6: 3, 9: 3}.get(count, most), most, max(count, 1))


def titles(conditions: pd.DataFrame, shown: Sequence[str] | None = None) -> dict[str, str]:
    """A short title for each condition, in the table's order: the levels of the factors `shown`, or of those that vary.

    If these levels do not distinguish the conditions, the names of the conditions are their titles.
    """
    require_columns(conditions, ("condition",), "conditions")
    names = [str(name) for name in conditions["condition"]]
    shown = varying_factors(conditions) if shown is None else list(shown)
    made = [" · ".join(str(row[name]) for name in shown) for _, row in conditions.iterrows()]
    return dict(zip(names, made if shown and len(set(made)) == len(names) else names, strict=True))


def measured(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The rows of one measure that have a value, sorted."""
    require_columns(table, MEASUREMENTS, "measurements")
    rows = table[(table["measure"] == measure) & table["value"].notna()]
    order = ["condition", "layer", "feature", "seed", "step"]
    return (
        rows.astype({"condition": str, "feature": str, "layer": str})
        .sort_values(order, kind="stable")
        .reset_index(drop=True)
    )


def final(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """One measure at the last step of each network, for every layer and feature."""
    rows = measured(table, measure)
    keys = ["condition", "feature", "seed", "layer"]
    return rows[rows["step"] == rows.groupby(keys)["step"].transform("max")]


def in_conditions(rows: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """The rows whose condition occurs in another table."""
    return rows[rows["condition"].astype(str).isin(set(other["condition"].astype(str)))]


def at_penultimate(rows: pd.DataFrame, conditions: pd.DataFrame) -> pd.DataFrame:
    """The rows that were read from the penultimate layer of their condition."""
    require_columns(conditions, ("condition", "penultimate"), "conditions")
    layer = dict(zip(conditions["condition"].astype(str), conditions["penultimate"].astype(str), strict=True))
    return rows[rows["layer"].astype(str) == rows["condition"].astype(str).map(layer)]


def claim_parts(claims: pd.DataFrame) -> list[pd.DataFrame]:
    """The claims table in parts with one id, statement and statistic: sorted by id, parts as they first appear."""
    keys = [name for name in ("id", "statement", "statistic") if name in claims]
    parts = [rows for _, rows in claims.groupby(keys, sort=False, dropna=False)]
    return sorted(parts, key=lambda rows: natural(rows["id"].iloc[0]))


def seeds_and_mean(values: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The value of every network (mark ``seed``) and the mean over networks (mark ``mean``)."""
    seeds = values[[*by, "seed", "value"]].assign(mark="seed").astype({"seed": "Int64"})
    mean = seeds.groupby(list(by), observed=True, sort=False)["value"].mean().reset_index()
    mean = mean.assign(mark="mean", seed=pd.array([pd.NA] * len(mean), dtype="Int64"))
    return pd.concat([seeds, mean], ignore_index=True)[["mark", *by, "seed", "value"]]


def means(values: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The mean over networks at every place, with its 95 % interval and n (mark ``mean``)."""
    return mean_intervals(values, by).assign(mark="mean")


def span(low: str, high: str) -> str:
    """From one number to another: ``4``, if both are written alike, or ``3 to 4``."""
    return low if low == high else f"{low} to {high}"


def count_range(counts: Iterable[int]) -> str:
    """From the smallest to the largest count: ``4`` or ``3 to 4``."""
    known = [int(count) for count in counts]
    return span(str(min(known)), str(max(known)))


def networks_sentence(rows: pd.DataFrame, conditions: pd.DataFrame) -> str:
    """How many networks a figure shows, and the factors that its titles leave out."""
    counts = rows.groupby("condition")["seed"].nunique()
    if counts.empty:
        return "No networks."
    noun = "network (seed)" if counts.max() == 1 else "networks (seeds)"
    where = "" if len(counts) == 1 else f" in each of {len(counts)} conditions"
    fixed = [name for name in factors(conditions) if name not in varying_factors(conditions)]
    same = ", ".join(f"{name}: {conditions[name].iloc[0]}" for name in fixed)
    return f"n = {count_range(counts)} {noun}{where}{f' ({same})' if same else ''}."
