"""Tables like those of a finished study, with realistic numbers and no training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repbias.figures.curves import learning_curves
from repbias.figures.figure import Figure, save_figure
from repbias.figures.forest import claim_forest
from repbias.figures.gap import feature_gap
from repbias.figures.histogram import unit_histogram
from repbias.figures.layers import layer_profile
from repbias.report.study_report import PageContent

HARD = {"AND": 0.22, "OR": 0.24, "XOR2": 0.18, "parity3": 0.1, "parity4": 0.05, "XOR of ANDs": 0.08}
ARCHITECTURES = {"256-128-64-64": 4, "6 x 64": 6}
UNITS = 64
LAYERS = ["input", *(f"hidden.{layer}" for layer in range(6)), "readout", "output"]
MEASUREMENTS = ["study", "condition", "seed", "step", "layer", "feature", "measure", "value"]


@dataclass(frozen=True)
class Tables:
    table: pd.DataFrame
    units: pd.DataFrame
    conditions: pd.DataFrame
    claims: pd.DataFrame
    networks: pd.DataFrame


def study(
    seeds: int = 20, hard: tuple[str, ...] = tuple(HARD), easy_name: str = "easy", hard_name: str = "hard"
) -> Tables:
    """A complexity study: `hard` features by architectures by `seeds` networks."""
    rng = np.random.default_rng(0)
    rows: list[pd.DataFrame] = []
    units: list[pd.DataFrame] = []
    conditions: list[dict[str, object]] = []
    for name in hard:
        for architecture, depth in ARCHITECTURES.items():
            condition = f"hard={name}, architecture={architecture}"
            conditions.append(
                {
                    "condition": condition,
                    "hard": name,
                    "architecture": architecture,
                    "penultimate": f"hidden.{depth - 1}",
                }
            )
            for network in range(seeds):
                final = {easy_name: rng.normal(0.52, 0.04), hard_name: max(HARD[name] + rng.normal(0, 0.03), 0.01)}
                rows.append(_network(rng, condition, network, depth, final, easy_name))
                units.append(_units(rng, condition, network, depth, final))
    table, names = pd.concat(rows, ignore_index=True), pd.DataFrame(conditions)
    table["layer"] = pd.Categorical(table["layer"], LAYERS, ordered=True)
    return Tables(
        table, pd.concat(units, ignore_index=True), names, _claims(rng, names, seeds), _networks(names, seeds)
    )


def _network(
    rng: np.random.Generator, condition: str, network: int, depth: int, final: dict[str, float], easy: str
) -> pd.DataFrame:
    last = int(rng.integers(4_000, 12_000))
    steps = np.unique(np.append(0, np.geomspace(10, last, 24).astype(int)))
    records: list[tuple[object, ...]] = []
    for feature, top in final.items():
        onset = rng.uniform(80, 150) if feature == easy else rng.uniform(900, 2_500)
        learned = 1 / (1 + (onset / np.maximum(steps, 1)) ** 4)
        for step, share in zip(steps, learned, strict=True):
            records.append((step, "output", feature, "accuracy", min(0.5 + 0.5 * share + rng.normal(0, 0.004), 1)))
            for layer in range(depth):
                value = (
                    top * share * (0.35 + 0.65 * (layer + 1) / depth if feature == easy else 0.4 + 0.6 * layer / depth)
                )
                records.append((step, f"hidden.{layer}", feature, "r2_final", value))
                records.append((step, f"hidden.{layer}", feature, "r2", value * 1.02))
            for layer, scale in (("readout", 1.2), ("input", 0.1)):
                records.append((step, layer, feature, "r2", top * scale))
        reached = int(steps[np.argmax(learned > 0.9)])
        records.append((reached, "output", feature, "mastery_step", reached))
        for threshold, scale in ((0.05, 1.7), (0.1, 1.4), (0.25, 0.9)):
            density = float(np.clip(top * scale, 0, 1))
            records.append((last, f"hidden.{depth - 1}", feature, f"density_{threshold}", density))
    frame = pd.DataFrame(records, columns=["step", "layer", "feature", "measure", "value"])
    return frame.assign(study="complexity", condition=condition, seed=network)[MEASUREMENTS]


def _units(rng: np.random.Generator, condition: str, network: int, depth: int, final: dict[str, float]) -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame({"unit": range(UNITS), "r2": rng.beta(1.2, 1.2 * (1 - top) / top, UNITS) - 0.005}).assign(
                study="complexity", condition=condition, seed=network, layer=f"hidden.{depth - 1}", feature=feature
            )
            for feature, top in final.items()
        ]
    )


def _claims(rng: np.random.Generator, conditions: pd.DataFrame, seeds: int) -> pd.DataFrame:
    statements = [
        ("C1", "Of two features learned equally well, the simpler explains more", "R2(easy) - R2(hard)", 0.4),
        ("C2", "The simpler feature is represented more densely", "density(easy) - density(hard)", 0.25),
        ("C3", "The easy feature's variance goes on growing after it is mastered", "growth of R2(easy)", 0.06),
        ("C3", "It grows most while the hard feature is being learned", "early minus late growth of R2(easy)", 0.03),
    ]
    verdicts = ["replicated", "no effect", "reversed", "inconclusive", "no data"]
    rows = []
    for identity, statement, statistic, size in statements:
        for index, condition in enumerate(conditions["condition"]):
            estimate, verdict = size * rng.uniform(0.4, 1.2), verdicts[index % 5 if identity == "C3" else 0]
            half = size * 0.2
            row = (identity, "complexity", condition, statement, statistic, estimate, estimate - half, estimate + half)
            rows.append((*row, seeds - index % 2, verdict, "quick", seeds, 0.05))
    columns = "id study condition statement statistic estimate ci_low ci_high n verdict scale n_planned sesoi"
    return pd.DataFrame(rows, columns=columns.split())


def _networks(conditions: pd.DataFrame, seeds: int) -> pd.DataFrame:
    rows = [
        (condition, network, "finished", 6_000 + 31 * network, None, "", f"{index:02d}f3a{network:02d}", 41.2 + network)
        for index, condition in enumerate(conditions["condition"])
        for network in range(seeds)
    ]
    columns = "condition seed status steps failed_step failed_criterion run seconds"
    return pd.DataFrame(rows, columns=columns.split())


def design() -> pd.DataFrame:
    """Two checks of each of two tasks, all passed."""
    checks = {"check": ["label balance", "overlap"] * 2, "value": [0.0, 0.0] * 2, "bound": [0.01, 0.0] * 2}
    notes = {"passed": True, "note": ["class shares 0.5, 0.5", ""] * 2, "condition": ["one", "one", "two", "two"]}
    return pd.DataFrame({**checks, **notes})


def all_figures(tables: Tables) -> list[Figure]:
    """The five figures, as a report shows them."""
    return [
        feature_gap(tables.table, tables.conditions),
        claim_forest(tables.claims, tables.conditions),
        learning_curves(tables.table, tables.conditions),
        layer_profile(tables.table, tables.conditions),
        unit_histogram(tables.units, tables.table, tables.conditions),
    ]


def page(tables: Tables, folder: Path, **changes: Any) -> PageContent:
    """A page as a finished study fills it, with its figures saved under `folder`."""
    overall = tables.claims.drop_duplicates("id")[["id", "statement", "verdict"]].assign(tally="replicated in 12")
    content = PageContent(
        title="Complexity",
        question="Of two features learned equally well, is the simpler one represented more strongly?",
        answer=("Replicated in 12 of 12 conditions.", "C2, replicated in 12 of 12 conditions."),
        scale="full",
        verdicts=overall,
        claims=tables.claims,
        figures=[(figure, save_figure(figure, folder / "figures")) for figure in all_figures(tables)],
        settings={"task": {"bits": 32, "features": [{"name": "easy"}, {"name": "hard", "bits": 3}]}, "batch": 128},
        provenance={"command": "repbias run complexity", "versions": {"torch": "2.13.0"}, "seeds": list(range(20))},
        networks=tables.networks,
        design=design(),
        notes=["One setting differs from the default."],
        downloads={"measurements": "tables/measurements.parquet"},
    )
    return replace(content, **changes)
