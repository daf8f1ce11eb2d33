"""One layer of a stream: every measure of every feature, as rows."""

from __future__ import annotations

import numpy as np

from repbias.audit.intervals import NO_INTERVAL, Resamples
from repbias.audit.layer import N_COMPONENTS
from repbias.audit.plan import LayerFindings, Row, Shared, row
from repbias.audit.spread import DENSITY
from repbias.audit.stream.moments import regressions, variation
from repbias.audit.stream.nulls import detectable_r2, false_positives, null_r2
from repbias.audit.stream.plan import StreamPlan
from repbias.audit.stream.readout import readouts
from repbias.audit.stream.sums import LayerSums
from repbias.audit.stream.units import UnitVariance, axis_rows
from repbias.audit.stream.variance import Explained, StreamEncodings, stream_encodings
from repbias.core.randomness import rng
from repbias.core.results import ALL_FEATURES
from repbias.features.labels import associated


def audit_sums(sums: LayerSums, plan: StreamPlan, resamples: int, permutations: int) -> LayerFindings:
    """Measure one layer from its sums; `resamples` and `permutations` are those of `audit_stream`."""
    by_chance = false_positives(sums, plan, permutations)
    found, varied = regressions(sums, plan), variation(sums, plan, N_COMPONENTS)
    draws = Resamples(np.arange(len(plan.representative)), resamples, seed=plan.seed)
    variance = stream_encodings(sums, found, varied, plan)
    kernel = stream_encodings(sums, found, varied, plan, kernel=True)
    findings = LayerFindings(_shares(variance, kernel, plan, draws), [], [], _shared(variance, plan, draws))
    read_out = dict(readouts(sums, found, varied, plan))
    units = UnitVariance(sums, found, varied, plan)
    for feature in plan.labels:
        counts = plan.counts[:, plan.columns_of[feature]]
        null, alone = null_r2(counts, varied.shares), variance.explained([feature])
        generator = rng(plan.seed, "audit", "stream power", feature)
        detectable, range_of = detectable_r2(null, counts, varied.shares, permutations, generator)
        readout = read_out[feature]
        findings.rows.extend(
            (
                *_r2_rows(feature, alone, draws, null.p_value(alone.r2_unbiased)),
                row(feature, "decodability", readout.accuracy, readout.interval, readout.p),
                row(feature, "chance", 1 / counts.shape[1], NO_INTERVAL),
                row(feature, "detectable_r2", detectable, range_of),
                row(feature, "false_positives", *by_chance[feature]),
                row(feature, DENSITY, *units.density(feature)),
                row(feature, "participation", *units.participation(feature)),
            )
        )
        r2, unbiased = units.r2(feature)
        findings.units.extend((unit, feature, float(r2[unit]), float(unbiased[unit])) for unit in range(len(r2)))
    findings.components.extend(axis_rows(found, varied, plan))
    return findings


def _r2_rows(feature: str, found: Explained, draws: Resamples, p: float = float("nan")) -> tuple[Row, Row]:
    return found.held_out().row(feature, "r2", draws, p), found.row(feature, "r2_unbiased", draws, p)


def _shares(variance: StreamEncodings, kernel: StreamEncodings, plan: StreamPlan, draws: Resamples) -> list[Row]:
    """Return what all features explain together, and each feature's unique, common and kernel share."""
    features = list(plan.labels)
    joint = variance.explained(features)
    rows = list(_r2_rows(ALL_FEATURES, joint, draws))
    for feature in features:
        others = [other for other in features if other != feature]
        unique = joint - variance.explained(others) if others else joint
        parts = {
            "r2_unique": unique,
            "r2_common": variance.explained([feature]) - unique,
            "rdm_share": kernel.explained([feature]),
        }
        rows += [part.row(feature, measure, draws) for measure, part in parts.items()]
    return rows


def _shared(variance: StreamEncodings, plan: StreamPlan, draws: Resamples) -> Shared:
    """Return what both of two associated features explain: r2 of one + r2 of the other - r2 of both together."""
    found = []
    for first, second in associated(plan.labels):
        alone, other = (variance.explained([feature]) for feature in (first, second))
        both = alone - (variance.explained([first, second]) - other)
        found.append((first, second, both.r2_unbiased, *both.interval(draws)))
    return found
