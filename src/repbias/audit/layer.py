"""The audit of one layer: every measure of every feature, as rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from repbias.audit.ceiling import ceiling_rows
from repbias.audit.coordinates import Coordinates, coordinates
from repbias.audit.decoding import accuracy_interval, fold_maps, held_out_right
from repbias.audit.estimates import (
    Contributions,
    Encodings,
    FoldedActivity,
    encodings,
    folded,
    held_out_predictions,
    unit_r2,
)
from repbias.audit.intervals import NO_INTERVAL, r2_interval
from repbias.audit.nulls import critical_value, null_scores, p_value
from repbias.audit.plan import LayerFindings, Plan, Row, r2_rows, row
from repbias.audit.power import LEVEL, planted_power
from repbias.audit.scores import score_rows
from repbias.audit.spread import DENSITY, block_sums, density, participation_interval
from repbias.core.arrays import FloatArray
from repbias.core.randomness import rng
from repbias.core.results import ALL_FEATURES
from repbias.features.feature import Feature

N_COMPONENTS = 10


def audit_layer(values: FloatArray, plan: Plan) -> LayerFindings:
    """Measure one layer `[stimulus, unit]`."""
    of_layer = coordinates(values)
    activity = folded(of_layer.scores, plan.fold_of)
    kernel = folded(of_layer.kernel_scores, plan.fold_of)
    by_unit = folded(of_layer.centred, plan.fold_of)
    variance, of_kernel = encodings(activity, plan.features), encodings(kernel, plan.features)
    names = [feature.name for feature in plan.features]
    alone = {name: variance.explained([name]) for name in names}
    joint = variance.explained(names)
    unique = {}
    for name in names:
        others = [other for other in names if other != name]
        unique[name] = joint - variance.explained(others) if others else joint
    scores, equalised = score_rows(activity, plan, alone, unique)
    findings = LayerFindings(list(r2_rows(ALL_FEATURES, joint, plan.draws)), [], [], [], equalised)
    if plan.repeats is not None:
        findings.rows.extend(ceiling_rows(activity.x, alone, plan.features, plan.repeats, plan.draws))
    findings.rows.extend(_tests(activity, alone, plan))
    for feature in plan.features:
        parts = {
            "r2_unique": unique[feature.name],
            "r2_common": alone[feature.name] - unique[feature.name],
            "rdm_share": of_kernel.explained([feature.name]),
        }
        for measure, found in parts.items():
            findings.rows.append(row(feature.name, measure, found.r2_unbiased, r2_interval(found, plan.draws)))
        _add_units(findings, by_unit, feature, plan)
        _add_components(findings, of_layer, activity, feature)
    findings.rows.extend(scores)
    findings.shared.extend(_shared(variance, alone, plan))
    return findings


def _tests(activity: FoldedActivity, alone: dict[str, Contributions], plan: Plan) -> Iterator[Row]:
    """Yield what has a permutation test or comes from one: R2, decodability, chance and power."""
    maps = fold_maps(activity.x, plan.fold_of)
    for feature in plan.features:
        labels, n_classes = feature.labels.numbers, feature.n_classes
        null_r2, null_accuracy = null_scores(activity, maps, feature.permuted, n_classes)
        (observed_r2,), (discriminant_accuracy,) = null_scores(activity, maps, labels[None], n_classes)
        explained = alone[feature.name]
        p = p_value(float(observed_r2), null_r2, feature.n_exchanged)
        yield from r2_rows(feature.name, explained, plan.draws, p)
        right = held_out_right(activity.x, labels, plan.fold_of, plan.classifier)
        accuracy = float(np.mean([right[labels == label].mean() for label in range(n_classes)]))
        interval = accuracy_interval(right, feature.code, plan.draws, null_accuracy)
        p = p_value(float(discriminant_accuracy), null_accuracy, feature.n_exchanged)
        yield row(feature.name, "decodability", accuracy, interval, p)
        yield row(feature.name, "chance", 1 / n_classes, NO_INTERVAL)
        detectable, false_positives = planted_power(
            activity,
            feature.planted,
            n_classes,
            critical_value(null_r2, LEVEL),
            rng(plan.seed, "audit", "directions", feature.name),
        )
        yield row(feature.name, "detectable_r2", *detectable)
        yield row(feature.name, "false_positives", *false_positives)


def _add_units(findings: LayerFindings, by_unit: FoldedActivity, feature: Feature, plan: Plan) -> None:
    """Add the R2 of each unit, and over how many units the feature is spread."""
    predictions = held_out_predictions(by_unit.x, feature.code, by_unit.fold_of)
    r2, unbiased = unit_r2(by_unit.x, predictions, by_unit.deviations)
    name = feature.name
    dense = density(by_unit, predictions, plan.draws, feature.n_classes)
    findings.rows.append(row(name, DENSITY, *dense))
    blocks = block_sums(by_unit.x, feature.labels.numbers, plan.cluster)
    findings.rows.append(row(name, "participation", *participation_interval(*blocks)))
    findings.units.extend((unit, name, float(r2[unit]), float(unbiased[unit])) for unit in range(len(r2)))


def _add_components(findings: LayerFindings, of_layer: Coordinates, activity: FoldedActivity, feature: Feature) -> None:
    """Add how much of each of the leading principal components the feature explains."""
    kept = slice(0, N_COMPONENTS)
    predictions = held_out_predictions(activity.x[:, kept], feature.code, activity.fold_of)
    r2 = unit_r2(activity.x[:, kept], predictions, activity.deviations[:, kept])
    for component, values in enumerate(zip(of_layer.shares[kept], *r2, strict=True)):
        share, held_out, unbiased = map(float, values)
        findings.components.append((feature.name, component, share, held_out, unbiased))


def _shared(
    variance: Encodings, alone: dict[str, Contributions], plan: Plan
) -> Iterator[tuple[str, str, float, float, float]]:
    """Yield what both of two associated features explain: R2 of one + R2 of the other - R2 of both together."""
    for first, second in plan.pairs:
        both = variance.explained([first, second])
        shared = alone[first] - (both - alone[second])
        yield first, second, shared.r2_unbiased, *r2_interval(shared, plan.draws)
