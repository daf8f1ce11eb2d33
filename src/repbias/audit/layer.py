"""The audit of one layer whose activity is in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from repbias.audit.decoding import Decoders
from repbias.audit.estimates import coordinates, encodings
from repbias.audit.findings import N_COMPONENTS, Decodability, LayerAudit, LayerFindings, Share, Tests, UnitR2
from repbias.audit.nulls import LEVEL, critical_value, null_scores, p_value, planted_power
from repbias.audit.plan import Plan
from repbias.audit.repeats import ceiling_rows
from repbias.audit.scores import score_rows
from repbias.audit.spread import DENSITY, block_sums, density, participation_interval
from repbias.core.arrays import FloatArray
from repbias.core.randomness import rng
from repbias.features.values import Values
from repbias.measures.variance.predictions import FoldedActivity, folded, held_out_predictions, unit_r2


def audit_layer(values: FloatArray, plan: Plan, on_feature: Callable[[int], None] | None = None) -> LayerFindings:
    """Measure one layer `[stimulus, unit]`; `on_feature` is called with the number of features that are done."""
    layer = _Layer(values, plan)
    found = layer.findings(on_feature)
    if plan.repeats is not None:
        found.rows.extend(ceiling_rows(layer.activity, layer.alone, plan.features, plan.repeats, plan.draws))
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
        kernel = encodings(folded(of_layer.kernel_scores, plan.fold_of), plan.features, variance.penalties)
        values_of = {name: feature.values for name, feature in self._features.items()}
        super().__init__(values_of, plan.pairs, plan.draws, variance, kernel)
        self._decoders = Decoders(self.activity, of_layer, plan.classifier, plan.draws)

    def tests(self, feature: str) -> Tests:
        plan, of, activity = self._plan, self._features[feature], self.activity
        score, as_given = self._decoders.score(of.values), np.arange(of.values.n, dtype=np.int32)[None]
        null_r2, null_decoded = null_scores(activity, of.values, of.permuted, score)
        (r2,), (decoded,) = null_scores(activity, of.values, as_given, score)
        generator = rng(plan.seed, "audit", "directions", feature)
        power = planted_power(activity, of.values, of.planted, critical_value(null_r2, LEVEL), generator)
        decodability = Decodability(
            *self._decoders.decodability(of.values, null_decoded), p_value(float(decoded), null_decoded, of.n_exchanged)
        )
        return Tests(p_value(float(r2), null_r2, of.n_exchanged), decodability, *power)

    def spread(self, feature: str) -> tuple[UnitR2, dict[str, Share]]:
        values, activity = self._features[feature].values, self._by_unit
        predictions, unbiased = _predictions(activity, values)
        blocks = block_sums(activity.x, values, self._plan.cluster)
        spread = {
            DENSITY: density(activity, unbiased, self._plan.draws, values.freedom),
            "participation": participation_interval(blocks, values, self.penalty(feature)),
        }
        return unit_r2(activity, predictions, unbiased), spread

    def components(self, feature: str) -> tuple[FloatArray, *UnitR2]:
        leading = folded(self.activity.x[:, :N_COMPONENTS], self.activity.fold_of)
        return self._component_shares, *unit_r2(leading, *_predictions(leading, self._features[feature].values))


def _predictions(activity: FoldedActivity, values: Values) -> tuple[FloatArray, FloatArray]:
    """Return held-out predictions, and those for unbiased estimates; the same where nothing is penalised."""
    found = held_out_predictions(activity.x, values, activity.fold_of)
    if not values.penalised:
        return found, found
    return found, held_out_predictions(activity.x, values, activity.fold_of, unbiased=True)
