"""Rows and sentences of the report on the effects of erasing each feature and of steering along it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from repbias.audit.causal.edits import KINDS, Kind, Target
from repbias.audit.causal.effects import CausalEffects
from repbias.audit.intervals import Resamples, ratio_interval
from repbias.audit.nulls import LEAST_P, LEVEL
from repbias.audit.report import corrected
from repbias.audit.status import Sentence, percent
from repbias.core.arrays import FloatArray, IntArray

OWN, OTHERS, OUTPUT, CONTROL = "own", "others", "output", "control"
Row = tuple[str, str, str, float, float, float, float]


@dataclass(frozen=True, eq=False)
class _Scores:
    """Makes rows of the report: the sum of changes as a share of the sum of `total`, with interval and p."""

    cluster: IntArray
    draw: IntArray
    total: FloatArray
    draws: Resamples

    def row(self, target: Target, what: str, changes: FloatArray, control: FloatArray | None) -> Row:
        p = float("nan") if control is None else excess_p(changes, control, self.total, self.draw, self.cluster)
        whole = float(self.total.sum())
        value = float(changes.sum()) / whole if whole > 0 else 0.0
        interval = ratio_interval(value, changes, self.total, self.draws)
        return (target.layer, target.feature, f"{target.kind}_{what}", value, *interval, p)


def causal_rows(
    effects: CausalEffects, reported: Sequence[str] | None, cluster: IntArray, *, seed: int, resamples: int
) -> pd.DataFrame:
    """Return the rows of the report, one for each layer, feature and measure of `measures.CAUSAL` that applies.

    p is that of `excess_p`, except for the control, which has none; `p_holm` is over features and layers for each
    measure.

    Parameters
    ----------
    reported : the features that the columns of the changes stand for; None for changes of the output.
    """
    total = np.ones(len(cluster))
    if reported is None:
        total = ((effects.before - effects.before.mean(0)) ** 2).sum(1)
    scores = _Scores(cluster, effects.draw, total, Resamples(cluster, resamples, seed=seed))
    rows: list[Row] = []
    for target in effects.changes:
        if target.control:
            continue
        edited, control = (
            _parts(effects.changes[one], target.feature, reported) for one in (target, replace(target, control=True))
        )
        rows += [scores.row(target, what, values, control[what]) for what, values in edited.items()]
        rows.append(scores.row(target, CONTROL, next(iter(control.values())), None))
    table = pd.DataFrame(rows, columns=["layer", "feature", "measure", "value", "ci_low", "ci_high", "p"])
    return corrected(table, len(cluster))


def excess_p(changes: FloatArray, control: FloatArray, total: FloatArray, draw: IntArray, cluster: IntArray) -> float:
    """Return the one-sided p value of a larger change than that of the control, both as shares of the sum of `total`.

    It is that of Student's t with the squared standard error e^2 + v / 2. e is the error of the difference over
    clusters. v is the variance of the control over its shuffles, beyond what their few stimuli explain: without an
    effect of the feature, its two maps, one for each half of the stimuli, are as random as those of the control. p is
    1e-6 or more.

    Parameters
    ----------
    changes, control, total, draw, cluster : `[stimulus]`; `draw` is the shuffle of the control, 0, 1, ...
    """
    excess, whole = _ratio_and_error(changes - control, total, cluster)
    of_draws = [_ratio_and_error(control[draw == d], total[draw == d], None) for d in np.unique(draw)]
    values, errors = np.array(of_draws).T
    between = max(values.var(ddof=1) - (errors**2).mean(), 0.0) if len(values) > 1 else 0.0
    error = float(np.sqrt(whole**2 + between / 2))
    if error == 0:
        return 1.0 if excess <= 0 else LEAST_P
    return max(float(stats.t.sf(excess / error, max(len(values) - 1, 1))), LEAST_P)


def _ratio_and_error(values: FloatArray, total: FloatArray, cluster: IntArray | None) -> tuple[float, float]:
    """Return sum(values) / sum(total) and its standard error by linearisation, over stimuli or over clusters."""
    if total.sum() == 0:
        return 0.0, 0.0
    ratio = float(values.sum() / total.sum())
    residuals = values - ratio * total if cluster is None else np.bincount(cluster, values - ratio * total)
    n = len(residuals)
    return ratio, float(np.sqrt(n / max(n - 1, 1) * (residuals**2).sum()) / total.sum())


def _parts(changes: FloatArray, feature: str, reported: Sequence[str] | None) -> dict[str, FloatArray]:
    """Return the changes `[stimulus]` of the feature itself, of others, or of the output."""
    if reported is None:
        return {OUTPUT: changes[:, 0]}
    own = np.array([name == feature for name in reported])
    found = {OWN: changes[:, own].mean(1)} if own.any() else {}
    return found | ({OTHERS: changes[:, ~own].mean(1)} if not own.all() else {})


@dataclass(frozen=True)
class _Words:
    """How the effects of one kind of edit are stated."""

    largest: str
    not_shown: str
    listed: dict[str, str]


_WORDS: dict[Kind, _Words] = {
    "ablation": _Words(
        "Erasing {} has its largest effect, relative to shuffled labels, in {}: {}. The effect exceeds that of "
        "shuffled labels in {} of {} layers.",
        "Erasing {} is not shown to change more than erasing shuffled labels in any of {} layers (largest in {}: {}). "
        "The feature may still be used: read nonlinearly, or by a path around the layer.",
        {
            OWN: "accuracy on it falls by {} of the stimuli",
            OTHERS: "accuracy on {others} falls by {}",
            OUTPUT: "the output changes by {} of its variance",
            CONTROL: "with shuffled labels by {}",
        },
    ),
    "steering": _Words(
        "Steering {} towards another class has its largest effect, relative to pushes of the same length by shuffled "
        "labels, in {}: {}. The effect exceeds that of shuffled labels in {} of {} layers.",
        "Steering {} towards another class is not shown to change more than pushes of the same length by shuffled "
        "labels in any of {} layers (largest in {}: {}). The feature may still be used.",
        {
            OWN: "its report turns to that class for {} of the stimuli",
            OTHERS: "reports of {others} change for {}",
            OUTPUT: "the output changes by {} of its variance",
            CONTROL: "with shuffled labels {}",
        },
    ),
}


def causal_sentences(rows: pd.DataFrame) -> tuple[Sentence, ...]:
    """Return a sentence for each feature and kind: where the effect most exceeds the control, or that it nowhere does.

    Each compares all layers, so it is about the audit as a whole.
    """
    return tuple(
        _sentence(str(feature), kind, of_kind.assign(measure=of_kind["measure"].str.removeprefix(f"{kind}_")))
        for feature, of_feature in rows.groupby("feature", sort=False)
        for kind in KINDS
        if len(of_kind := of_feature[of_feature["measure"].str.startswith(f"{kind}_")])
    )


def _sentence(feature: str, kind: Kind, rows: pd.DataFrame) -> Sentence:
    wide, words = rows.pivot(index="layer", columns="measure", values="value"), _WORDS[kind]
    measure = next(name for name in (OWN, OUTPUT, OTHERS) if name in wide)
    most = str((wide[measure] - wide[CONTROL]).idxmax())
    others = "the other reported features" if OWN in wide else "the reported features"
    listed = "; ".join(_listed(rows[rows["layer"] == most].set_index("measure"), words, others))
    effects = rows[rows["measure"] == measure]
    n_larger = int((effects["p_holm"] <= LEVEL).sum())
    if n_larger == 0:
        return Sentence(None, words.not_shown.format(feature, len(effects), most, listed))
    return Sentence(None, words.largest.format(feature, most, listed, n_larger, len(effects)))


def _listed(of_layer: pd.DataFrame, words: _Words, others: str) -> Iterator[str]:
    for row in of_layer.reindex([name for name in words.listed if name in of_layer.index]).itertuples():
        share = percent(float(row.value), float(row.ci_low), float(row.ci_high))  # type: ignore[arg-type]
        yield words.listed[str(row.Index)].format(share, others=others)
