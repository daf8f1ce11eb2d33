"""The measures of an audit, in the order in which tables, pages and docstrings show them.

To add a measure, compute it where the layer is audited, and add its record here. The tables of the page and the
terminal and the docstrings of the audit are made from these records. Holm's correction applies to every measure with
p values.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from repbias.core.results import EXPLAINED

DENSE = 0.1
"""The `r2_unbiased` of a single unit above which it counts towards the density."""

_Function = TypeVar("_Function", bound=Callable[..., object])
_BOOTSTRAP = "studentised bootstrap"
_SCORE = "Student's t, standard error from at most 200 bootstrap resamples"
_CONTROL = "t test, one-sided, of an effect larger than that of the shuffled-label control"


@dataclass(frozen=True)
class Measure:
    """A measure that an audit reports of each feature in each layer."""

    name: str
    """The name in `AuditReport.results`."""

    heading: str
    """The heading of the column on the page."""

    meaning: str
    """What is measured, in words."""

    interval: str = ""
    """How the 95 % interval is computed; "" without an interval."""

    test: str = ""
    """How the p value is computed; "" without a test."""

    interval_shown: bool = False
    """Whether the column on the page shows the interval."""

    short: str = ""
    """The heading of the column in the terminal; "" for measures that the terminal does not show."""

    formula: str = ""

    @property
    def definition(self) -> str:
        """The meaning with the formula."""
        return f"{self.meaning}: {self.formula}" if self.formula else self.meaning


@dataclass(frozen=True)
class MeasureTable:
    """A table of the page: a row per layer and feature, a column per measure."""

    caption: str
    measures: tuple[Measure, ...]

    tested: str = ""
    """The measure whose corrected p value is the last column; "" without such a column."""

    whole: bool = False
    """Whether there is a row for all features together."""


R2 = Measure(
    EXPLAINED, "R²",
    "share of the layer's variance that the feature explains, without the bias from noise in the fit; intervals, "
    "tests, statuses and derived shares rest on it; for (all), the share that all features together explain",
    _BOOTSTRAP, "permutation of the labels", interval_shown=True, short="R2",
    formula="sum q.z / sum x.z, x the activity about the mean of all stimuli",
)  # fmt: skip

VARIANCE = MeasureTable(
    "Variance explained, as a share of the layer’s variance; 95 % intervals in brackets, p of R²",
    (
        R2,
        Measure(
            "r2", "held-out R²",
            "the held-out R2, 1 - SS_res / SS_tot as in scikit-learn and `variance_explained`: the share of the "
            "variance of new stimuli that is predicted; noise in the fit lowers it",
            _BOOTSTRAP, "permutation of the labels", formula="1 - sum ||q - z||^2 / sum ||z||^2",
        ),
        Measure(
            "noise_ceiling", "noise ceiling",
            "for the feature (all), if `repeats` are given: the share of the variance that repeats reproduce",
            _BOOTSTRAP, interval_shown=True,
            formula="sum q.z / sum ||z||^2 with q the mean of the other presentations of the stimulus",
        ),
        Measure(
            "r2_of_ceiling", "R² of ceiling",
            "r2_unbiased / noise_ceiling over repeated presentations, for features with one label in all presentations "
            "of a stimulus; NaN if the interval of the ceiling includes 0",
            "Fieller's", interval_shown=True,
        ),
        Measure(
            "r2_unique", "unique",
            "unique (semipartial) variance: r2_unbiased of all features together minus that without this feature",
            _BOOTSTRAP,
        ),
        Measure("r2_common", "shared", "variance shared with other features", _BOOTSTRAP,
                formula="r2_unbiased - r2_unique"),
        Measure(
            "r2_lead", "lead",
            "r2_unbiased minus the largest r2_unbiased of the other features; a feature is dominant only where the "
            "interval is above 0",
            _BOOTSTRAP, interval_shown=True,
        ),
        Measure(
            "rdm_share", "RDM share",
            "r2_unbiased after each principal component is scaled by its standard deviation: the feature's share of "
            "the variance of the centred linear kernel zz'. RSA and CKA with a model of one feature may order features "
            "otherwise",
            _BOOTSTRAP,
        ),
        Measure(
            "detectable_r2", "detectable R²",
            "smallest share of variance that the test of r2_unbiased detects with 80 % power, at a level of 5 %, from "
            "planted features",
            "exact, of a quantile", short="detectable",
        ),
        Measure(
            "false_positives", "false positives",
            "empirical false-positive rate: how often the test at 5 % detects a planted feature that has no effect",
            "Clopper-Pearson",
        ),
    ),
    tested=EXPLAINED,
    whole=True,
)  # fmt: skip

READOUT = MeasureTable(
    "Readout (balanced accuracy, or R²) and spread (density a share, units used a number of units); 95 % intervals in "
    "brackets, p of decodability",
    (
        Measure(
            "decodability", "decodability",
            "on held-out folds, the balanced accuracy of a linear classifier, or for features that are not classes the "
            "R2 of a ridge regression from standardised units",
            "Clopper-Pearson; of R2, studentised bootstrap, widened for fits that share stimuli",
            "permutation of the labels, of the accuracy of a shrinkage discriminant with equal priors, whatever the "
            "classifier; of R2, of that R2",
            interval_shown=True, short="decoded",
        ),
        Measure("chance", "chance", "1 / number of classes; 0 for features that are not classes", short="chance"),
        Measure(
            f"density_{DENSE:g}", "density",
            f"share of the units of which the feature explains more than {100 * DENSE:g} % of the variance "
            "(r2_unbiased)",
            "closed tests of the units",
        ),
        Measure(
            "participation", "units used",
            "number of units that carry the feature, as a participation ratio", "Fieller's, by a jackknife",
            formula="(sum_u e_u)^2 / sum_u e_u^2, with e_u the sum of squares explained in unit u",
        ),
    ),
    tested="decodability",
)  # fmt: skip

SCORES = MeasureTable(
    "Scores of a model that represents one feature alone; 95 % intervals in brackets",
    (
        Measure(
            "rsa", "RSA",
            "correlation of squared Euclidean distances with those of a model that represents the feature alone (0 "
            "within a class, 1 between classes; of other kinds, squared differences of the values); the noise of the "
            "responses lowers it",
            _SCORE, interval_shown=True,
        ),
        Measure(
            "rsa_equalised", "RSA, equal shares",
            "RSA after a linear map, that of `equalize` fitted on the other folds, which gives equal shares to all "
            "features with unique variance (interval of r2_unique above 0); unchanged with fewer than two of these",
            _SCORE, interval_shown=True,
        ),
        Measure("cka", "CKA", "debiased linear CKA with the one-hot code, or the values, of the feature",
                _SCORE, interval_shown=True),
        Measure("cka_equalised", "CKA, equal shares", "CKA after the same map", _SCORE, interval_shown=True),
        R2,
        Measure("r2_equalised", "R², equal shares", "r2_unbiased after the same map", _BOOTSTRAP, interval_shown=True),
    ),
)  # fmt: skip


def _causal(name: str, heading: str, meaning: str, test: str = _CONTROL) -> Measure:
    return Measure(name, heading, meaning, _BOOTSTRAP, test, interval_shown=True)


CAUSAL = MeasureTable(
    "Causal effects of ablation and steering, as shares; 95 % intervals in brackets",
    (
        _causal("ablation_own", "ablated: own report", "accuracy lost on the feature itself, where it is reported"),
        _causal("ablation_others", "ablated: others", "mean accuracy lost on the other features that are reported"),
        _causal("ablation_output", "ablated: outputs",
                "without `predict`: sum of the squared changes of the output over its variance"),
        _causal("ablation_control", "ablated: control",
                "the first of these that was measured, with shuffled labels of the feature", test=""),
        _causal("steering_own", "steered: own report",
                "share of the stimuli whose report changes to the class steered towards, minus the share whose report "
                "changes from that class"),
        _causal("steering_others", "steered: others", "mean share of the reports of the other features that change"),
        _causal("steering_output", "steered: outputs", "without `predict`: as ablation_output"),
        _causal("steering_control", "steered: control",
                "the first of these that was measured, for steering of the same length by shuffled labels", test=""),
    ),
)  # fmt: skip

TABLES = (VARIANCE, READOUT, CAUSAL, SCORES)


def all_measures(tables: Sequence[MeasureTable] = TABLES) -> tuple[Measure, ...]:
    """Return the measures of these tables in order, each once."""
    return tuple(dict.fromkeys(measure for table in tables for measure in table.measures))


def documented(*tables: MeasureTable) -> Callable[[_Function], _Function]:
    """Return a decorator that lists the measures of these tables in place of ``{measures}`` in a docstring."""

    def fill(function: _Function) -> _Function:
        text = function.__doc__ or ""  # Python drops docstrings when it optimises
        if place := re.search(r"( *)\{measures\}", text):
            function.__doc__ = text.replace(place[0], _listed(all_measures(tables), place[1]))
        return function

    return fill


def _listed(measures: Sequence[Measure], indent: str) -> str:
    """Return one entry per measure, its meaning indented below its name."""
    entries, inner = [], f"{indent}    "
    for measure in measures:
        how = [f"Interval: {measure.interval}."] * bool(measure.interval) + [f"p: {measure.test}."] * bool(measure.test)
        text = " ".join([f"{measure.definition}.", *how])
        filled = textwrap.fill(text, 120, initial_indent=inner, subsequent_indent=inner, break_on_hyphens=False)
        entries.append(f"{indent}{measure.name}\n{filled}")
    return "\n".join(entries)
