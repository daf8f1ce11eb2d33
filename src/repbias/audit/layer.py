"""The audit of one layer whose activity is in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from repbias.audit.decoding import accuracy_interval, fold_maps, held_out_right
from repbias.audit.estimates import coordinates, encodings, folded, held_out_predictions, unit_r2
from repbias.audit.findings import N_COMPONENTS, Decodability, LayerAudit, LayerFindings, Share, Tests, UnitR2
from repbias.audit.nulls import LEVEL, critical_value, null_scores, p_value, planted_power
from repbias.audit.plan import Plan
from repbias.audit.repeats import ceiling_rows
from repbias.audit.scores import score_rows
from repbias.audit.spread import DENSITY, block_sums, density, participation_interval
from repbias.core.arrays import FloatArray
from repbias.core.randomness import rng


def audit_layer(values: FloatArray, plan: Plan, on_feature: Callable[[int], None] | None = None) -> LayerFindings:
    """Measure one layer `[stimulus, unit]`; `on_feature` is called with the number of features that are done."""
    layer = _Layer(values, plan)
    found = layer.findings(on_feature)
    if plan.repeats is not None:
        found.rows.extend(ceiling_rows(layer.activity.x, layer.alone, plan.features, plan.repeats, plan.draws))
    scores, equalised = score_rows(layer.activity, plan, layer.alone, layer.unique)
    found.rows.extend(scores)
    return replace(found, equalised=equalised)


class _Layer(LayerAudit):
    """One layer `[stimulus, unit]`, about its mean and along its principal axes."""

    def __init__(self, values: FloatArray, plan: Plan) -> None:
        self._features = {feature.name: feature for feature in plan.features}
        of_layer = coordinates(values)
        self._plan, self._component_shares = plan, of_layer.shares[:N_COMPONENTS]
        self.activity = folded(of_layer.scores, plan.fold_of)
        self._by_unit = folded(of_layer.centred, plan.fold_of)
        variance = encodings(self.activity, plan.features)
        kernel = encodings(folded(of_layer.kernel_scores, plan.fold_of), plan.features)
        labels = {name: feature.labels for name, feature in self._features.items()}
        super().__init__(labels, plan.pairs, plan.draws, variance, kernel)
        equal = of_layer.standardising  # decoding does not depend on the scale of units
        self._standardised = self.activity.x @ equal
        self._maps = [equal @ one @ equal for one in fold_maps(self._standardised, plan.fold_of)]

    def tests(self, feature: str) -> Tests:
        plan, of, activity = self._plan, self._features[feature], self.activity
        labels, n_classes = of.labels.numbers, of.n_classes
        null_r2, null_accuracy = null_scores(activity, self._maps, of.permuted, n_classes)
        (observed_r2,), (discriminant_accuracy,) = null_scores(activity, self._maps, labels[None], n_classes)
        right = held_out_right(self._standardised, labels, plan.fold_of, plan.classifier)
        power = planted_power(
            activity,
            of.planted,
            n_classes,
            critical_value(null_r2, LEVEL),
            rng(plan.seed, "audit", "directions", feature),
        )
        decodability = Decodability(
            float(np.mean([right[labels == label].mean() for label in range(n_classes)])),
            accuracy_interval(right, of.code, plan.draws, null_accuracy),
            p_value(float(discriminant_accuracy), null_accuracy, of.n_exchanged),
        )
        return Tests(p_value(float(observed_r2), null_r2, of.n_exchanged), decodability, *power)

    def spread(self, feature: str) -> tuple[UnitR2, dict[str, Share]]:
        of, activity = self._features[feature], self._by_unit
        predictions = held_out_predictions(activity.x, of.code, activity.fold_of)
        blocks = block_sums(activity.x, of.labels.numbers, self._plan.cluster)
        spread = {
            DENSITY: density(activity, predictions, self._plan.draws, of.n_classes),
            "participation": participation_interval(*blocks),
        }
        return unit_r2(activity.x, predictions, activity.deviations), spread

    def components(self, feature: str) -> tuple[FloatArray, *UnitR2]:
        x, deviations = (values[:, :N_COMPONENTS] for values in (self.activity.x, self.activity.deviations))
        predictions = held_out_predictions(x, self._features[feature].code, self.activity.fold_of)
        return self._component_shares, *unit_r2(x, predictions, deviations)
