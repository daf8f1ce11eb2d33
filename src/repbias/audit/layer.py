"""The audit of one layer: every measure of every feature, as rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from repbias.audit.ceiling import ceiling_rows
from repbias.audit.coordinates import Coordinates, coordinates
from repbias.audit.decoding import accuracy_interval, fold_maps, held_out_right
from repbias.audit.estimates import Contributions, FoldedActivity, contributions, folded, held_out_predictions, unit_r2
from repbias.audit.intervals import NO_INTERVAL, r2_interval
from repbias.audit.measures import DENSE
from repbias.audit.nulls import critical_value, null_scores, p_value
from repbias.audit.plan import Feature, LayerFindings, Plan, Row, Shared, row
from repbias.audit.power import LEVEL, planted_power
from repbias.audit.scores import score_rows
from repbias.audit.spread import block_sums, density_interval, participation_interval
from repbias.core.arrays import FloatArray
from repbias.core.randomness import rng
from repbias.measures.variance.result import ALL_FEATURES

N_COMPONENTS = 10
ASSOCIATED = 0.1
"""Cramer's V from which on the audit reports what two features share."""


def audit_layer(values: FloatArray, plan: Plan) -> LayerFindings:
    """Measure one layer `[stimulus, unit]`."""
    of_layer = coordinates(values)
    activity = folded(of_layer.scores, plan.fold_of)
    kernel = folded(of_layer.kernel_scores, plan.fold_of)
    by_unit = folded(of_layer.centred, plan.fold_of)
    alone = {feature.name: _explained(activity, [feature]) for feature in plan.features}
    joint = _explained(activity, plan.features)
    unique = {}
    for feature in plan.features:
        others = [other for other in plan.features if other is not feature]
        unique[feature.name] = joint - _explained(activity, others) if others else joint
    scores, equalised = score_rows(activity, plan, alone, unique)
    together = row(ALL_FEATURES, "r2", joint.r2, r2_interval(joint, plan.draws))
    findings = LayerFindings([together], [], [], _shared(activity, alone, plan), equalised)
    if plan.repeats is not None:
        findings.rows.extend(ceiling_rows(activity.x, alone, plan.features, plan.repeats, plan.draws))
    findings.rows.extend(_tests(activity, alone, plan))
    for feature in plan.features:
        parts = {
            "r2_unique": unique[feature.name],
            "r2_common": alone[feature.name] - unique[feature.name],
            "rdm_share": _explained(kernel, [feature]),
        }
        for measure, found in parts.items():
            findings.rows.append(row(feature.name, measure, found.r2, r2_interval(found, plan.draws)))
        _add_units(findings, by_unit, feature, plan)
        _add_components(findings, of_layer, activity, feature)
    findings.rows.extend(scores)
    return findings


def _explained(activity: FoldedActivity, features: Sequence[Feature]) -> Contributions:
    """Return what one regression on some features explains."""
    code = np.hstack([feature.code for feature in features])
    return contributions(activity.x, held_out_predictions(activity.x, code, activity.fold_of), activity.deviations)


def _tests(activity: FoldedActivity, alone: dict[str, Contributions], plan: Plan) -> Iterator[Row]:
    """Yield the rows that permutations are needed for: r2, decodability with chance, and power."""
    maps = fold_maps(activity.x, plan.fold_of)
    for feature in plan.features:
        labels, n_classes = feature.labels.numbers, feature.n_classes
        null_r2, null_accuracy = null_scores(activity, maps, feature.permuted, n_classes)
        (observed_r2,), (discriminant_accuracy,) = null_scores(activity, maps, labels[None], n_classes)
        explained = alone[feature.name]
        p = p_value(float(observed_r2), null_r2, feature.n_exchanged)
        yield row(feature.name, "r2", explained.r2, r2_interval(explained, plan.draws), p)
        right = held_out_right(activity.x, labels, plan.fold_of, plan.classifier)
        accuracy = float(np.mean([right[labels == label].mean() for label in range(n_classes)]))
        interval = accuracy_interval(right, feature.code, plan.draws, null_accuracy)
        p = p_value(float(discriminant_accuracy), null_accuracy, feature.n_exchanged)
        yield row(feature.name, "decodability", accuracy, interval, p)
        yield row(feature.name, "chance", 1 / n_classes, NO_INTERVAL)
        power = planted_power(
            activity,
            feature.planted,
            n_classes,
            critical_value(null_r2, LEVEL),
            rng(plan.seed, "audit", "directions", feature.name),
        )
        yield row(feature.name, "detectable_r2", power.detectable_r2, power.detectable_interval)
        yield row(feature.name, "false_positives", power.false_positives, power.false_positives_interval)


def _add_units(findings: LayerFindings, by_unit: FoldedActivity, feature: Feature, plan: Plan) -> None:
    """Add the R2 of each unit, and over how many units the feature is spread."""
    predictions = held_out_predictions(by_unit.x, feature.code, by_unit.fold_of)
    r2 = unit_r2(by_unit.x, predictions, by_unit.deviations)
    name = feature.name
    dense = density_interval(by_unit, predictions, plan.draws, feature.n_classes, DENSE)
    findings.rows.append(row(name, f"density_{DENSE:g}", float((r2 > DENSE).mean()), dense))
    blocks = block_sums(by_unit.x, feature.labels.numbers, plan.cluster)
    findings.rows.append(row(name, "participation", *participation_interval(*blocks)))
    findings.units.extend((unit, name, float(value)) for unit, value in enumerate(r2))


def _add_components(findings: LayerFindings, of_layer: Coordinates, activity: FoldedActivity, feature: Feature) -> None:
    """Add how much of each of the leading principal components the feature explains."""
    kept = slice(0, N_COMPONENTS)
    predictions = held_out_predictions(activity.x[:, kept], feature.code, activity.fold_of)
    r2 = unit_r2(activity.x[:, kept], predictions, activity.deviations[:, kept])
    for component, (share, value) in enumerate(zip(of_layer.shares[kept], r2, strict=True)):
        findings.components.append((feature.name, component, float(share), float(value)))


def _shared(activity: FoldedActivity, alone: dict[str, Contributions], plan: Plan) -> Shared:
    """Return what both of two associated features explain: r2 of one + r2 of the other - r2 of both together."""
    by_name, found = {feature.name: feature for feature in plan.features}, []
    for first, second in associated(plan.features, ASSOCIATED):
        both = _explained(activity, [by_name[first], by_name[second]])
        shared = alone[first] - (both - alone[second])
        found.append((first, second, shared.r2, *r2_interval(shared, plan.draws)))
    return found


def associated(features: Sequence[Feature], least: float) -> tuple[tuple[str, str], ...]:
    """Return the pairs of features whose Cramer's V is `least` or more."""
    found = []
    for first, second in combinations(features, 2):
        observed = first.code.T @ second.code
        expected = np.outer(first.code.sum(0), second.code.sum(0)) / len(first.code)
        chi2 = float(((observed - expected) ** 2 / expected).sum())
        v = np.sqrt(chi2 / len(first.code) / (min(observed.shape) - 1))
        if v >= least:
            found.append((first.name, second.name))
    return tuple(found)
