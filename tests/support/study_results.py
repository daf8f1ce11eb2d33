"""A study's result, made up: the study and its plan are real, its networks were never trained."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from repbias.experiments import Claim, Condition, Scale, Study
from repbias.experiments.comparisons import LevelDifference, Trend
from repbias.experiments.contrasts import FeatureDifference
from repbias.models import MLP
from repbias.runs.plan import make_plan
from repbias.runs.results import NETWORK_COLUMNS, TABLE_COLUMNS, UNIT_COLUMNS, StudyResult
from repbias.studies.bits.complexity import STUDY
from repbias.tasks import Probe

STEPS = (0, 100, 1_000, 2_000)
Gaps = Sequence[tuple[float, float]]
CLAIMS = {claim.statement: claim for claim in STUDY.claims}


def result(
    r2: Gaps = ((0.53, 0.11), (0.55, 0.14)),
    *,
    study: Study = STUDY,
    seeds: int = 4,
    features: tuple[str, str] = ("easy", "hard"),
    missed: Sequence[tuple[int, int]] = (),
    status: dict[tuple[int, int], str] | None = None,
    probes: dict[str, float] | None = None,
) -> StudyResult:
    """A quick run in which each condition's two features explain `r2` on average, with a little noise over seeds.

    `missed` are (condition, network) that fail the accuracy criterion on the second feature; `status` overrides
    "finished".
    `probes` are measured beside the features, and all together explain their sum.
    """
    plan = make_plan(study, "quick", seeds)
    tables, units, networks = [], [], []
    for place, condition in enumerate(plan.conditions):
        for seed in range(seeds):
            state = (status or {}).get((place, seed), "finished")
            passed = (place, seed) not in missed
            row = {
                "condition": condition.name,
                "seed": seed,
                "status": state,
                "failed_criterion": "" if passed else features[1],
            }
            networks.append({**row, "steps": STEPS[-1], "run": f"run-{place}-{seed}", "seconds": 1.0})
            if state != "not run":
                noise = 0.01 * (seed - (seeds - 1) / 2)
                own = {features[0]: r2[place][0] + noise, features[1]: r2[place][1] - noise}
                key = {"study": study.name, "condition": condition.name, "seed": seed}
                tables.append(_network(condition, own, passed, probes or {}).assign(**key))
                units.append(_units(condition, {**own, **(probes or {})}).assign(**key))
    return StudyResult(
        plan,
        pd.concat(tables)[TABLE_COLUMNS] if tables else pd.DataFrame(columns=TABLE_COLUMNS),
        pd.concat(units)[UNIT_COLUMNS] if units else pd.DataFrame(columns=UNIT_COLUMNS),
        pd.DataFrame(networks).reindex(columns=NETWORK_COLUMNS),
        {"repbias": "0.1.0"},
    )


def study_of(*claims: Claim) -> Study:
    """The complexity study with other claims."""
    return STUDY.model_copy(update={"claims": claims})


def crossed(widths: Sequence[int], depths: Sequence[int], optimizers: Sequence[str] = ("SGD", "Adam")) -> Study:
    """A study of crossed factors: the gap by condition, its trend over widths, and that the optimizer does nothing."""
    template = STUDY.conditions[0]
    task = template.task.model_copy(update={"probes": {"pair": Probe(function="xor", positions=(1, 2))}})
    conditions = tuple(
        template.model_copy(
            update={
                "name": f"{optimizer}, width {width}, depth {depth}",
                "factors": {"width": str(width), "depth": str(depth), "optimizer": optimizer},
                "model": MLP(widths=(width,) * depth),
                "task": task,
            }
        )
        for optimizer in optimizers
        for width in widths
        for depth in depths
    )
    gap = FeatureDifference(more="easy", less="hard")
    trend = Trend(factor="width", scale="log2")
    same = LevelDifference(factor="optimizer", more="Adam", less="SGD")
    claims = (
        Claim(id="C1", statement="Easy explains more", contrast=gap, sesoi=0.05),
        Claim(id="C9", statement="The gap grows with width", contrast=gap, compare=trend, sesoi=0.02),
        Claim(id="C10", statement="Alike", contrast=gap, compare=same, sesoi=0.06, test="equivalence"),
    )
    scales = {"quick": Scale(seeds=4)}
    return Study(name="crossed", question="What matters?", conditions=conditions, scales=scales, claims=claims)


def _network(condition: Condition, r2: dict[str, float], passed: bool, probes: dict[str, float]) -> pd.DataFrame:
    rows: list[tuple[object, ...]] = []
    penultimate = condition.model.penultimate
    rows += [
        (STEPS[-1], penultimate, name, measure, share) for name, share in probes.items() for measure in ("r2", "unique")
    ]
    rows.append((STEPS[-1], penultimate, "(all)", "joint_r2", sum(r2.values()) + sum(probes.values())))
    layers = ("readout", *reversed(condition.model.layer_names), "input")  # on purpose not from input to output
    for order, (feature, share) in enumerate(r2.items()):
        for place, step in enumerate(STEPS):
            learned = place / (len(STEPS) - 1)
            accuracy = 0.5 + learned * (0.5 if passed or order == 0 else 0.3)
            rows.append((step, "output", feature, "accuracy", accuracy))
            for depth, layer in enumerate(reversed(layers)):
                value = learned * share * min(depth / (len(layers) - 2), 1)
                rows += [(step, layer, feature, measure, value) for measure in ("r2", "r2_final", "density_0.1")]
        rows.append((STEPS[1 + order], "output", feature, "mastery_step", STEPS[1 + order]))
    return pd.DataFrame(rows, columns=["step", "layer", "feature", "measure", "value"])


def _units(condition: Condition, r2: dict[str, float]) -> pd.DataFrame:
    rows = [(condition.model.penultimate, unit, name, share) for name, share in r2.items() for unit in range(3)]
    return pd.DataFrame(rows, columns=["layer", "unit", "feature", "r2"])
