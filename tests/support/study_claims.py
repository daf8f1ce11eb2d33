"""What a study's claims are judged on, and tables with planted R2 to judge them by."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from repbias.experiments.evaluation import evaluate
from repbias.experiments.groups import groups
from repbias.experiments.study import Study


def claims_of(study: Study, id: str) -> list:
    return [claim for claim in study.claims if claim.id == id]


def judged_on(study: Study, claim, scale: str = "full") -> dict[str, list[str]]:
    """The rows that judge a claim: their labels, and the names of the conditions of each."""
    return {label: [condition.name for condition in group] for label, group in groups(claim, study.at(scale))}


def concerned(study: Study, claim) -> list[str]:
    return [condition.name for condition in study.conditions if claim.concerns(condition)]


def claims_with_planted_r2(
    study: Study, r2: Callable[..., Mapping[str, float]], *, seeds: int = 6, noise: float = 0.01
) -> pd.DataFrame:
    """The claims table of networks that all pass, with R2s of `r2(condition)` by feature (0 if absent) plus noise."""
    random = np.random.default_rng(0)
    rows = []
    for condition in study.conditions:
        layer, planted = condition.model.layer_names[-1], r2(condition)
        for seed in range(seeds):
            for feature in condition.task.feature_names:
                value = planted.get(feature, 0.0) + random.normal(0, noise)
                rows.append((condition.name, seed, 100, layer, feature, "r2", value))
                rows.append((condition.name, seed, 100, "output", feature, "accuracy", 1.0))
                for measure, values in condition.task.given(seed).items():
                    rows.append((condition.name, seed, 100, "output", feature, measure, values[feature]))
    table = pd.DataFrame(rows, columns=["condition", "seed", "step", "layer", "feature", "measure", "value"])
    return evaluate(study, study.conditions, table, "full", seeds)
