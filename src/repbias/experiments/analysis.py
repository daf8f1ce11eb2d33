"""Analyses as data: what a study computes from its networks once they are trained.

Variance and density are measured while a network trains. What needs the network itself (its read-out, or steering of a
layer) or several networks at once (their similarity) is an analysis.

The function takes one `Network`, or all networks of a study by condition, and returns tables by name (pandas
DataFrames):

    measures   layer, feature, measure, value                       decide claims, like any other measure
    curves     layer, feature, curve, x, value                      drawn as lines over x, a panel for each `curve`
    pairs      condition, seed, other, other_seed, measure, value   drawn as a matrix of networks
    blocks     condition, other, measure, value, ci_low, ci_high    means of the matrix, written into it
    points     layer, stimulus, x, y, and a column per feature      drawn as a picture of the stimuli

`measures` is required. Where the function takes all networks, `measures` and `curves` have the columns condition and
seed too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pandas as pd
from pydantic import Field, JsonValue

from repbias.core.specs import Spec, digest
from repbias.experiments.condition import NetworkSpec

Findings = Mapping[str, pd.DataFrame]
# Part of every analysis's identity: raise it when a change to the code changes what an analysis computes.
ANALYSIS_VERSION = 1
TABLES = {
    "measures": ("layer", "feature", "measure", "value"),
    "curves": ("layer", "feature", "curve", "x", "value"),
    "pairs": ("condition", "seed", "other", "other_seed", "measure", "value"),
    "blocks": ("condition", "other", "measure", "value", "ci_low", "ci_high"),
    "points": ("layer", "stimulus", "x", "y"),
}


class Analysis(Spec):
    """What is computed from the trained networks of a study.

    Attributes
    ----------
    function : "package.module:function".
    of : "network": each network alone, with `function(network, **settings)`, whether or not it passed the accuracy
        criterion, which each claim applies to the features that it is about. "study": all of them together, with
        `function({condition: [network, ...]}, **settings)`, without those that failed the criterion on a feature that
        they were trained to report; for the ungated twins of claims it is done again with these. Networks that
        diverged are left out of both.
    measures : the names of the measures in its table.
    features : what else stands in the table's column of features, beside those of the tasks.
    settings : further arguments of the function.
    curves : of each curve that it returns, the titles of the axes: what is swept, and the value.
    pairs : the titles of the measures of `pairs`.
    """

    function: str
    of: Literal["network", "study"] = "network"
    measures: tuple[str, ...] = Field(min_length=1)
    features: tuple[str, ...] = ()
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    curves: dict[str, tuple[str, str]] = Field(default_factory=dict)
    pairs: dict[str, str] = Field(default_factory=dict)

    @property
    def computation(self) -> str:
        """What decides its numbers, as JSON: the function, its input, and its settings."""
        return self.model_copy(update={"measures": (), "features": (), "curves": {}, "pairs": {}}).canonical_json()


class AnalysisJob(Spec):
    """An analysis and the networks on which it is done; its digest names the stored run.

    Attributes
    ----------
    conditions : the condition of each network.
    """

    analysis: Analysis
    conditions: tuple[str, ...]
    networks: tuple[NetworkSpec, ...] = Field(min_length=1)

    @property
    def run_id(self) -> str:
        """The name of the folder in the store."""
        of = " ".join(network.run_id for network in self.networks)
        named = " ".join(self.conditions) if self.analysis.of == "study" else ""
        return f"analysis-{digest(f'{ANALYSIS_VERSION} {self.analysis.computation} {named} {of}')}"


def check_findings(analysis: Analysis, findings: object) -> Findings:
    """Check what an analysis's function returned, and return it.

    Raises
    ------
    ValueError : it is not a mapping of tables with "measures" among them, or a table has another name or type, lacks
        columns, or holds measures that the analysis does not declare.
    """
    where = f"analysis {analysis.function!r}"
    if not isinstance(findings, Mapping) or "measures" not in findings:
        came = list(findings) if isinstance(findings, Mapping) else type(findings).__name__
        raise ValueError(f"{where} must return a dict of tables with 'measures' among them, got {came}")
    for name, table in findings.items():
        if name not in TABLES:
            raise ValueError(f"{where} returned a table {name!r}; tables are called {', '.join(TABLES)}")
        if not isinstance(table, pd.DataFrame):
            raise ValueError(f"{where}: table {name!r} must be a pandas DataFrame, got {type(table).__name__}")
        place = ("condition", "seed") if analysis.of == "study" and name in ("measures", "curves") else ()
        if lacking := [column for column in (*place, *TABLES[name]) if column not in table.columns]:
            raise ValueError(f"{where}: table {name!r} lacks the columns {', '.join(lacking)}")
    if unknown := sorted(set(findings["measures"]["measure"]) - set(analysis.measures)):
        raise ValueError(f"{where} returned the measures {', '.join(unknown)}, which the study does not declare")
    return findings
