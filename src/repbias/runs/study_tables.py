"""What the figures of a study are drawn from: its tables, without what a figure must leave out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import pandas as pd

from repbias.experiments.claim import Claim
from repbias.runs.plan import Plan
from repbias.training.job import counts


class StudyData(Protocol):
    """What is read of the result of a study; see `repbias.runs.results.StudyResult`."""

    @property
    def plan(self) -> Plan:
        """The study and its scale."""

    @property
    def table(self) -> pd.DataFrame:
        """The measurements."""

    @property
    def units(self) -> pd.DataFrame:
        """R2 of each unit by each feature."""

    @property
    def outcomes(self) -> pd.DataFrame:
        """One row per network."""

    @property
    def claims(self) -> pd.DataFrame:
        """One row per claim and condition."""

    @property
    def conditions(self) -> pd.DataFrame:
        """One row per condition."""

    @property
    def findings(self) -> Mapping[str, pd.DataFrame]:
        """The tables of the study's analysis."""


@dataclass(frozen=True)
class StudyTables:
    """The tables of a study's figures; each is made when a figure first needs it."""

    result: StudyData

    @cached_property
    def conditions(self) -> pd.DataFrame:
        """The conditions; a factor that a condition does not have is a dash."""
        conditions = self.result.conditions
        return conditions.astype(object).where(conditions.notna(), "–")

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The features that some task of the study reports."""
        conditions = self.result.plan.conditions
        return tuple(dict.fromkeys(name for one in conditions for name in one.task.feature_names))

    @cached_property
    def trained(self) -> pd.DataFrame:
        """The measurements of the networks that did not diverge."""
        return trained_networks(self.result.table, self.result.outcomes)

    @cached_property
    def with_probes(self) -> pd.DataFrame:
        """The measurements of the networks that passed the accuracy criterion, with layers in order."""
        return analysed_networks(in_layer_order(self.result), self.result.outcomes)

    @cached_property
    def analysed(self) -> pd.DataFrame:
        """The same, of the features that tasks report."""
        return labelled_features(self.with_probes, self.result)

    @cached_property
    def findings(self) -> Mapping[str, pd.DataFrame]:
        """What the study's analysis found in networks that passed the criterion, by name of the table.

        An analysis of one network at a time is done on every network, whether or not it passed.
        """
        analysis, found, networks = self.result.plan.study.analysis, self.result.findings, self.result.outcomes
        if analysis is None:
            return {}
        if analysis.of == "study":
            return found
        return {name: analysed_networks(one, networks) if "seed" in one else one for name, one in found.items()}


def contrast_values(claim: Claim, result: StudyData) -> pd.DataFrame:
    """Return a claim's contrast wherever it can be computed: condition, seed, value; NaN below the criterion.

    Conditions that the claim is not about are included, so that a map shows how far the effect extends.
    """
    trained, contrast = trained_networks(result.table, result.outcomes), claim.contrast
    frames = [pd.DataFrame(columns=["condition", "seed", "value"])]
    for condition in result.plan.conditions:
        table, layers = trained[trained["condition"] == condition.name], condition.model.layer_names
        if (
            set(contrast.features()) <= set(condition.task.measured_names)
            and set(contrast.layers_read(layers)) <= set(table["layer"])
            and set(contrast.measures_read()) <= set(table["measure"])
        ):
            values = contrast.per_seed(table, layers).astype(float)
            frames.append(values.rename("value").reset_index().assign(condition=condition.name))
    return pd.concat(frames[1:] or frames, ignore_index=True)


def labelled_features(table: pd.DataFrame, result: StudyData) -> pd.DataFrame:
    """Return the rows of features that the task of their condition reports, without probes and joint measures."""
    reported = [(one.name, name) for one in result.plan.conditions for name in one.task.feature_names]
    return table[pd.MultiIndex.from_frame(table[["condition", "feature"]]).isin(reported)]


def trained_networks(table: pd.DataFrame, networks: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the networks that did not fail, whose last step is the end of training."""
    return _of(table, networks[networks["status"] != "failed"])


def analysed_networks(table: pd.DataFrame, networks: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the networks that finished and passed the accuracy criterion on every feature."""
    pairs = zip(networks["status"], networks["failed_criterion"], strict=True)
    return _of(table, networks[np.array([counts(status, failed) for status, failed in pairs], dtype=bool)])


def _of(table: pd.DataFrame, networks: pd.DataFrame) -> pd.DataFrame:
    keys = pd.MultiIndex.from_frame(networks[["condition", "seed"]])
    return table[pd.MultiIndex.from_frame(table[["condition", "seed"]]).isin(keys)]


def in_layer_order(result: StudyData) -> pd.DataFrame:
    """Return the study's table with its layers as an ordered categorical: input, hidden layers, read-out, output.

    Measured layers that are not on the model's path, such as the states of a decoder, come before the read-out.
    """
    hidden = (name for condition in result.plan.conditions for name in condition.model.layer_names)
    first, last = dict.fromkeys(("input", *hidden)), ("readout", "output")
    others = [name for name in result.table["layer"].unique() if name not in (*first, *last)]
    layers = pd.Categorical(result.table["layer"], [*first, *others, *last], ordered=True)
    return result.table.assign(layer=layers)
