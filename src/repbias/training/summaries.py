"""The measurements of several networks in one table, and what they say of each layer and feature at the last step."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from repbias.core.display import Sparkline
from repbias.core.results import ALL_FEATURES
from repbias.core.statistics import mean_intervals
from repbias.training.job import Outcome
from repbias.training.record import COLUMNS, OUTPUT, UNIT_COLUMNS


def all_steps(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return all measurements as a tidy table: seed, step, layer, feature, measure, value."""
    return _stacked(outcomes, [outcome.table for outcome in outcomes], COLUMNS)


def all_units(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return the R2 of every unit by every feature at the last step: seed, layer, unit, feature, r2."""
    return _stacked(outcomes, [outcome.units for outcome in outcomes], UNIT_COLUMNS)


def _stacked(outcomes: Sequence[Outcome], tables: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    pairs = zip(outcomes, tables, strict=True)
    frames = [table.assign(seed=outcome.seed)[["seed", *table.columns]] for outcome, table in pairs]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["seed", *columns])


def at_last_step(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return the measurements of each network at its last step, without the networks that diverged."""
    tables = [outcome.table for outcome in outcomes if outcome.status != "failed"]
    ends = [table[table["step"] == table["step"].max()] for table in tables]
    return pd.concat(ends, ignore_index=True) if ends else pd.DataFrame(columns=COLUMNS)


def r2_by_layer(outcomes: Sequence[Outcome], measure: str = "r2") -> pd.DataFrame:
    """Return the mean of a measure over networks, by layer and feature; see `Networks.r2`."""
    table = at_last_step(outcomes)
    rows = table[(table["measure"] == measure) & (table["feature"] != ALL_FEATURES)]
    if rows.empty:
        known = ", ".join(sorted(set(table["measure"])))
        raise ValueError(f"no network has the measure {measure!r}; measured: {known or 'nothing'}")
    return mean_intervals(rows, ["layer", "feature"]).rename(columns={"value": measure})


def last_hidden(r2: pd.DataFrame) -> str:
    """Return the last layer before the read-out in a table of `r2_by_layer`."""
    layers = r2["layer"].unique()
    return str(next((layer for layer in layers[::-1] if layer != "readout"), layers[-1]))


def by_feature(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return what a display shows: for each feature, accuracy, R2 in the last measured layer, and R2 by layer."""
    table = at_last_step(outcomes)
    if not (table["measure"] == "r2").any():
        return pd.DataFrame()
    r2 = r2_by_layer(outcomes)
    last = last_hidden(r2)
    accuracy = table[(table["layer"] == OUTPUT) & (table["measure"] == "accuracy")].groupby("feature")["value"].mean()
    rows = []
    for feature, layers in r2.groupby("feature", sort=False):
        row = layers[layers["layer"] == last].iloc[-1]
        interval = f"[{row['ci_low']:.3f}, {row['ci_high']:.3f}]" if row["n"] > 1 else ""
        rows.append(
            {
                "feature": feature,
                "accuracy": accuracy.get(feature),
                f"R2 in {last}": f"{row['r2']:.3f} {interval}".strip(),
                "R2 by layer": Sparkline(tuple(layers["r2"])),
            }
        )
    return pd.DataFrame(rows)


def ending(outcome: Outcome) -> str:
    """Return in words how the training of a network ended."""
    if outcome.status == "failed":
        return f"diverged at step {outcome.failed_step}"
    failed = f"; failed the accuracy criterion on {', '.join(outcome.failed_criterion)}"
    return f"{outcome.status} after {outcome.steps:,} steps{failed if outcome.failed_criterion else ''}"
