"""One layer of a stream: every measure of every feature, as rows."""

from __future__ import annotations

import numpy as np

from repbias.audit.intervals import NO_INTERVAL, Resamples
from repbias.audit.layer import N_COMPONENTS
from repbias.audit.measures import DENSE
from repbias.audit.plan import LayerFindings, Row, Shared, row
from repbias.audit.stream.calibration import false_positives
from repbias.audit.stream.moments import regressions, variation
from repbias.audit.stream.nulls import detectable_r2, null_r2
from repbias.audit.stream.plan import StreamPlan
from repbias.audit.stream.readout import readouts
from repbias.audit.stream.sums import LayerSums
from repbias.audit.stream.units import UnitVariance, axis_rows
from repbias.audit.stream.variance import Designs, Explained, kernel_designs, variance_designs
from repbias.core.randomness import rng
from repbias.measures.variance.result import ALL_FEATURES


def audit_sums(sums: LayerSums, plan: StreamPlan, resamples: int, permutations: int) -> LayerFindings:
    """Measure one layer from its sums; `resamples` and `permutations` are those of `audit_stream`."""
    by_chance = false_positives(sums, plan, permutations)
    found, varied = regressions(sums, plan), variation(sums, plan, N_COMPONENTS)
    draws = Resamples(np.arange(len(plan.representative)), resamples, seed=plan.seed)
    variance, kernel = variance_designs(sums, found, varied, plan), kernel_designs(sums, found, varied, plan)
    findings = LayerFindings(_shares(variance, kernel, plan, draws), [], [], _shared(variance, plan, draws))
    read_out = dict(readouts(sums, found, varied, plan))
    units = UnitVariance(sums, found, varied, plan)
    for feature in plan.labels:
        counts = plan.counts[:, plan.columns_of[feature]]
        null, alone = null_r2(counts, varied.shares), _explained(variance, [feature], plan)
        generator = rng(plan.seed, "audit", "stream power", feature)
        detectable, range_of = detectable_r2(null, counts, varied.shares, permutations, generator)
        readout = read_out[feature]
        findings.rows.extend(
            (
                row(feature, "r2", alone.r2, alone.interval(draws), null.p_value(alone.r2)),
                row(feature, "decodability", readout.accuracy, readout.interval, readout.p),
                row(feature, "chance", 1 / counts.shape[1], NO_INTERVAL),
                row(feature, "detectable_r2", detectable, range_of),
                row(feature, "false_positives", *by_chance[feature]),
                row(feature, f"density_{DENSE:g}", *units.density(feature)),
                row(feature, "participation", *units.participation(feature)),
            )
        )
        findings.units.extend((unit, feature, float(value)) for unit, value in enumerate(units.r2(feature)))
    findings.components.extend(axis_rows(found, varied, plan))
    return findings


def _explained(designs: Designs, features: list[str], plan: StreamPlan) -> Explained:
    columns = [np.arange(plan.code.n_columns)[plan.columns_of[feature]] for feature in features]
    return designs.explained(np.concatenate(columns))


def _shares(variance: Designs, kernel: Designs, plan: StreamPlan, draws: Resamples) -> list[Row]:
    """Return what all features explain together, and each of its own, in common with others, and of the kernel."""
    features = list(plan.labels)
    joint = _explained(variance, features, plan)
    rows = [row(ALL_FEATURES, "r2", joint.r2, joint.interval(draws))]
    for feature in features:
        others = [other for other in features if other != feature]
        unique = joint - _explained(variance, others, plan) if others else joint
        parts = {
            "r2_unique": unique,
            "r2_common": _explained(variance, [feature], plan) - unique,
            "rdm_share": _explained(kernel, [feature], plan),
        }
        rows += [row(feature, measure, part.r2, part.interval(draws)) for measure, part in parts.items()]
    return rows


def _shared(variance: Designs, plan: StreamPlan, draws: Resamples) -> Shared:
    """Return what both of two associated features explain: r2 of one + r2 of the other - r2 of both together."""
    found = []
    for first, second in plan.associated():
        alone, other = (_explained(variance, [feature], plan) for feature in (first, second))
        both = alone - (_explained(variance, [first, second], plan) - other)
        found.append((first, second, both.r2, *both.interval(draws)))
    return found
