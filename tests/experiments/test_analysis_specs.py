"""An analysis as data: what its name in the store depends on, what it may return, and which claims it allows."""

from __future__ import annotations

import tomllib
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError
from tiny_studies import make_study, study_text

from repbias.experiments.analysis import TABLES, Analysis, AnalysisJob, check_findings
from repbias.experiments.condition import NetworkSpec
from repbias.experiments.study import Study
from repbias.runs.stored_run import SAFE_NAME
from repbias.studies import NAMES, find_study

(CONDITION,) = make_study().conditions
ANALYSIS = {
    "function": "own.module:analyse",
    "measures": ("gap",),
    "features": ("noise",),
    "settings": {"layer": "hidden.0", "sizes": [1, 2]},
    "curves": {"c": ("x", "y")},
    "pairs": {"p": "P"},
}


def networks(*seeds: int) -> tuple[NetworkSpec, ...]:
    return tuple(CONDITION.network(seed) for seed in seeds)


def run_id(conditions: tuple[str, ...] = ("one",), seeds: tuple[int, ...] = (0,), **changes: Any) -> str:
    analysis = Analysis.model_validate({**ANALYSIS, **changes})
    return AnalysisJob(analysis=analysis, conditions=conditions, networks=networks(*seeds)).run_id


class TestRunId:
    def test_it_names_a_folder_of_something_else(self) -> None:
        assert run_id().startswith("analysis-")
        assert SAFE_NAME.fullmatch(run_id())

    @pytest.mark.parametrize(
        "changes",
        [
            {"function": "own.module:other"},
            {"settings": {"layer": "hidden.1", "sizes": [1, 2]}},
            {"settings": {"layer": "hidden.0", "sizes": [2, 1]}},
            {"settings": {}},
            {"of": "study"},
            {"seeds": (1,)},
            {"seeds": (0, 1)},
        ],
        ids=str,
    )
    def test_it_changes_with_what_decides_the_numbers(self, changes: dict[str, Any]) -> None:
        assert run_id(**changes) != run_id()

    @pytest.mark.parametrize(
        "changes",
        [
            {"measures": ("gap", "another")},
            {"features": ()},
            {"curves": {"c": ("steps", "y")}},
            {"curves": {}},
            {"pairs": {"p": "similarity"}},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("of", ["network", "study"])
    def test_it_does_not_change_with_titles_and_declarations(self, of: str, changes: dict[str, Any]) -> None:
        assert run_id(of=of, **changes) == run_id(of=of)

    def test_the_name_of_a_condition_counts_only_where_the_function_gets_it(self) -> None:
        assert run_id(("one",)) == run_id(("two",))
        assert run_id(("one",), of="study") != run_id(("two",), of="study")

    def test_the_order_of_networks_and_conditions_counts_for_a_whole_study(self) -> None:
        assert run_id(("a", "b"), (0, 1), of="study") != run_id(("b", "a"), (0, 1), of="study")
        assert run_id(("a", "b"), (0, 1), of="study") != run_id(("a", "b"), (1, 0), of="study")

    def test_another_version_of_the_code_gives_other_names(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = run_id()
        monkeypatch.setattr("repbias.experiments.analysis.ANALYSIS_VERSION", 10_000)
        assert run_id() != before

    def test_a_job_is_made_again_from_its_json(self) -> None:
        job = AnalysisJob(analysis=Analysis(**ANALYSIS), conditions=("one", "one"), networks=networks(0, 1))
        again = AnalysisJob.model_validate_json(job.model_dump_json())
        assert again == job
        assert again.run_id == job.run_id

    def test_an_analysis_measures_something_of_some_networks(self) -> None:
        analysis = {"analysis": Analysis(**ANALYSIS), "conditions": (), "networks": ()}
        for spec, fields, empty in [
            (Analysis, {"function": "own:analyse", "measures": ()}, "measures"),
            (AnalysisJob, analysis, "networks"),
        ]:
            with pytest.raises(ValidationError, match=empty):
                spec.model_validate(fields)

    def test_networks_are_trained_the_same_with_and_without_an_analysis(self) -> None:
        with_one = Study.model_validate({"name": "tiny", **tomllib.loads(study_text()), "analysis": ANALYSIS})
        assert with_one.conditions[0].network(0).run_id == CONDITION.network(0).run_id


def table(name: str, **changes: Any) -> pd.DataFrame:
    row = dict.fromkeys(("condition", "seed", *TABLES[name]), 0)
    return pd.DataFrame([{**row, "measure": "gap", **changes}])


OF_NETWORK = Analysis(function="own:analyse", measures=("gap", "never returned"))
OF_STUDY = OF_NETWORK.model_copy(update={"of": "study"})
PLACE = ["condition", "seed"]


class TestFindings:
    @pytest.mark.parametrize("analysis", [OF_NETWORK, OF_STUDY], ids=lambda one: one.of)
    def test_every_table_with_its_columns_is_accepted_as_it_is(self, analysis: Analysis) -> None:
        findings = {name: table(name, own="further columns may stand there") for name in TABLES}
        assert check_findings(analysis, findings) is findings
        assert check_findings(analysis, {"measures": table("measures")})

    def test_tables_of_a_single_network_need_no_condition_and_seed(self) -> None:
        findings = {name: table(name).drop(columns=PLACE) for name in ("measures", "curves", "points")}
        assert check_findings(OF_NETWORK, findings) is findings

    @pytest.mark.parametrize(
        ("returned", "words"),
        [
            (None, "must return a dict of tables with 'measures' among them, got NoneType"),
            (table("measures"), "must return a dict of tables with 'measures' among them, got DataFrame"),
            ([table("measures")], "got list"),
            ({}, r"got \[\]"),
            ({"curves": table("curves")}, r"'measures' among them, got \['curves'\]"),
            ({"measures": table("measures"), "curve": table("curves")}, "returned a table 'curve'; tables are called "),
            ({"measures": [1, 2]}, "table 'measures' must be a pandas DataFrame, got list"),
            (
                {"measures": table("measures"), "points": None},
                "table 'points' must be a pandas DataFrame, got NoneType",
            ),
            (
                {"measures": table("measures", measure="gpa")},
                "returned the measures gpa, which the study does not decl",
            ),
            (
                {"measures": pd.concat([table("measures", measure=name) for name in ("b", "gap", "a")])},
                "returned the measures a, b, which",
            ),
        ],
        ids=lambda value: value[:40] if isinstance(value, str) else type(value).__name__,
    )
    @pytest.mark.parametrize("analysis", [OF_NETWORK, OF_STUDY], ids=lambda one: one.of)
    def test_the_refusal_of_a_result_names_the_function(self, analysis: Analysis, returned: object, words: str) -> None:
        with pytest.raises(ValueError, match=f"analysis 'own:analyse'.*{words}"):
            check_findings(analysis, returned)

    @pytest.mark.parametrize(
        ("analysis", "name", "columns"),
        [
            *((OF_NETWORK, name, [column]) for name in TABLES for column in TABLES[name]),
            *((OF_STUDY, name, PLACE) for name in ("measures", "curves")),
        ],
        ids=str,
    )
    def test_columns_that_are_missing_are_named_and_of_a_whole_study_condition_and_seed(
        self, analysis: Analysis, name: str, columns: list[str]
    ) -> None:
        tables = {"measures": table("measures"), name: table(name).drop(columns=columns)}
        with pytest.raises(ValueError, match=f"table '{name}' lacks the columns {', '.join(columns)}$"):
            check_findings(analysis, tables)


def study(analysis: dict[str, Any] | None, **contrast: Any) -> Study:
    data = {"name": "tiny", **tomllib.loads(study_text())}
    (claim,) = data["claims"]
    stated = {**claim, "contrast": {**claim["contrast"], **contrast}}
    return Study.model_validate({**data, "claims": [stated], **({"analysis": analysis} if analysis else {})})


class TestClaims:
    @pytest.mark.parametrize("contrast", [{"measure": "gap"}, {"measure": "gap", "less": "noise"}, {"measure": "r2"}])
    def test_a_claim_may_read_what_the_analysis_measures(self, contrast: dict[str, str]) -> None:
        study(ANALYSIS, **contrast)

    @pytest.mark.parametrize(
        ("analysis", "contrast", "words"),
        [
            (None, {"measure": "joint_gap"}, "no measure 'joint_gap'; known: r2,"),
            (None, {"measure": "dense_0.1"}, "no measure 'dense_0.1'; did you mean 'density_0.1'"),
            (None, {"less": "har"}, "no feature 'har'; did you mean 'hard'?"),
            (None, {"less": "noise"}, "no feature 'noise'; known: easy, hard"),
            (ANALYSIS, {"measure": "gapp"}, "no measure 'gapp'; did you mean 'gap'?"),
            (ANALYSIS, {"less": "noice"}, "no feature 'noice'; did you mean 'noise'?"),
        ],
    )
    def test_a_claim_on_what_nothing_measures_is_refused_with_the_nearest_name(
        self, analysis: dict[str, Any] | None, contrast: dict[str, str], words: str
    ) -> None:
        with pytest.raises(ValidationError) as caught:
            study(analysis, **contrast)
        assert f"claim T1: condition 'short' has {words}" in str(caught.value)

    @pytest.mark.parametrize("name", [name for name in NAMES if find_study(name).analysis is not None])
    def test_the_claims_of_each_study_with_an_analysis_need_it(self, name: str) -> None:
        found = find_study(name)
        with pytest.raises(ValidationError, match=r"has no (measure|feature) "):
            Study.model_validate({**found.model_dump(mode="json"), "analysis": None})
