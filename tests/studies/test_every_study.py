"""Every study, whatever its question: its file, text, scales, conditions, claims and stimuli are sound."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from study_claims import judged_on

import repbias.studies
from repbias.experiments.study import Study
from repbias.studies import DOMAINS, NAMES, find_study
from repbias.tasks import ImageTask, StringTask, Task, check_design

FULL_SEEDS = {"bits": 20, "strings": 16, "images": 10, "arrays": 10}
PAPER = re.compile(r"C\d+")
# The factors that a condition's task, model and training each depend on.
HARD_BY_NETWORK = ("hard", "architecture", "")
FACTORS = {
    "architecture": ("", "activation gain norm residual", ""),
    "autoencoder": HARD_BY_NETWORK,
    "classes": ("classes hard labels", "", ""),
    "clustering": HARD_BY_NETWORK,
    "complexity": HARD_BY_NETWORK,
    "components": ("hard", "", ""),
    "correlation": ("pair share", "", ""),
    "debiased": ("", "", "reports"),
    "depth": ("", "depth", ""),
    "difficulty": ("setting kind", "", ""),
    "digits_and_colour": ("shape", "network", ""),
    "dynamics": HARD_BY_NETWORK,
    "encryption": ("classes hard", "", ""),
    "isolation": ("series companions", "", ""),
    "number": ("easy_features hard_features", "", ""),
    "optimizer": ("hard", "dropout", "optimizer"),
    "order": ("hard pair", "", "regime"),
    "pca": HARD_BY_NETWORK,
    "prevalence": ("reading features prevalence", "", ""),
    "regression": ("", "", "reports"),
    "reliance": HARD_BY_NETWORK,
    "rsa": ("", "", "reports"),
    "steering": HARD_BY_NETWORK,
    "width": ("", "width", ""),
    "integration": ("", "residual", ""),
    "position": ("kind features", "model", "model"),
    "position_complexity": ("hard order", "", ""),
    "position_learning": ("", "model regime", "regime"),
    "string_complexity": ("hard", "", ""),
    "string_methods": ("hard", "", ""),
    "string_order": ("pair", "", "regime"),
    "string_prevalence": ("reading prevalence", "", ""),
    "string_rsa": ("", "", "reports"),
    "transformer_shape": ("task", "model", "model"),
    "trifeature2020": ("target", "network", ""),
    "vision": ("network", "network norm wiring", "optimizer"),
    "vision_layers": ("", "network norm wiring", ""),
    "vision_methods": ("", "network", ""),
    "vision_order": ("", "network", "regime"),
    "vision_prevalence": ("rare labelled", "", ""),
    "vision_relation": ("", "network", ""),
    "vision_rsa": ("", "", "reports"),
}
# Conditions that are the same networks under two names, as one level of two series.
SHARED_RUNS = {"isolation": 1, "prevalence": 2, "string_prevalence": 1}


@pytest.fixture(params=NAMES)
def study(request: pytest.FixtureRequest) -> Study:
    return find_study(request.param)


@pytest.fixture(scope="module")
def design_failures() -> Callable[[Task], str]:
    """Return a function that checks each task once; strings and images with fewer training stimuli, for speed."""
    known: dict[str, str] = {}

    def failures(task: Task) -> str:
        if task.digest() not in known:
            slow = isinstance(task, StringTask | ImageTask)
            checked = task.model_copy(update={"train": 4096}) if slow else task
            known[task.digest()] = check_design(checked).failures()
        return known[task.digest()]

    return failures


class TestDiscovery:
    def test_every_file_of_a_domain_is_a_study_of_its_name(self, study: Study) -> None:
        (domain,) = (domain for domain, names in DOMAINS.items() if study.name in names)
        assert (Path(repbias.studies.__file__).parent / domain / f"{study.name}.py").is_file()
        assert study.domain in ((domain, "symbols") if domain == "bits" else (domain,))

    def test_every_study_is_found_once(self) -> None:
        assert sorted(NAMES) == sorted(FACTORS)

    def test_an_unknown_name_suggests_the_nearest(self) -> None:
        with pytest.raises(ValueError, match="'complexity'"):
            find_study("complexty")


class TestText:
    def test_question_title_and_notes_are_sentences(self, study: Study) -> None:
        assert re.fullmatch(r"[A-Z].+\?", study.question)
        assert study.title
        assert all(re.fullmatch(r"[A-Z“`].+[.)]", note) and "  " not in note for note in study.notes)
        assert study.notes

    def test_the_file_begins_with_the_question(self, study: Study) -> None:
        (domain,) = (domain for domain, names in DOMAINS.items() if study.name in names)
        first, blank, *_ = (importlib.import_module(f"repbias.studies.{domain}.{study.name}").__doc__ or "").split("\n")
        assert first.endswith("?")
        assert blank == ""


class TestScales:
    def test_full_is_every_condition_and_quick_is_less(self, study: Study) -> None:
        (domain,) = (domain for domain, names in DOMAINS.items() if study.name in names)
        assert study.at("full") == study.conditions
        assert study.scales["full"].seeds == FULL_SEEDS[domain]
        assert 0 < len(study.at("quick")) <= len(study.conditions)
        assert 2 <= study.scales["quick"].seeds <= 6

    def test_expected_steps_are_within_the_limit(self, study: Study) -> None:
        assert all(condition.steps <= condition.training.max_steps for condition in study.conditions)


class TestConditions:
    @pytest.mark.parametrize(("part", "place"), [("task", 0), ("model", 1), ("training", 2)])
    def test_they_differ_in_what_their_factors_say_and_in_nothing_else(
        self, study: Study, part: str, place: int
    ) -> None:
        factors = [name.replace("_", " ") for name in FACTORS[study.name][place].split()]

        def determined_by(names: list[str]) -> bool:
            levels = {tuple(c.factors.get(name) for name in names) for c in study.conditions}
            pairs = {(*(c.factors.get(name) for name in names), getattr(c, part).digest()) for c in study.conditions}
            return len(pairs) == len(levels)

        assert determined_by(factors)
        assert not any(determined_by([other for other in factors if other != name]) for name in factors)

    def test_their_factors_tell_them_apart(self, study: Study) -> None:
        assert len({tuple(c.factors.items()) for c in study.conditions}) == len(study.conditions)
        families = {tuple(c.factors) for c in study.conditions}
        assert len(families) == (2 if study.name == "order" else 1)

    def test_no_two_conditions_train_the_same_network(self, study: Study) -> None:
        runs = {condition.network(0).run_id for condition in study.conditions}
        assert len(runs) == len(study.conditions) - SHARED_RUNS.get(study.name, 0)

    def test_the_roles_of_features_are_matched(self, study: Study, design_failures: Callable[[Task], str]) -> None:
        controlled = [condition.task for condition in study.conditions if condition.task.is_controlled]
        assert [design_failures(task) for task in controlled] == [""] * len(controlled)
        assert len(controlled) == (0 if study.domain == "arrays" else len(study.conditions))


class TestClaims:
    def test_full_judges_every_claim(self, study: Study) -> None:
        assert [claim.statement for claim in study.claims if not judged_on(study, claim)] == []

    def test_quick_judges_every_claim_of_the_paper(self, study: Study) -> None:
        judged = {claim.id for claim in study.claims if judged_on(study, claim, "quick")}
        assert {claim.id for claim in study.claims if PAPER.fullmatch(claim.id)} <= judged

    def test_parts_of_a_claim_differ_in_statement_or_statistic(self, study: Study) -> None:
        parts = [(claim.id, claim.statement, claim.describe()) for claim in study.claims]
        assert len(set(parts)) == len(parts) > 0

    def test_the_study_survives_its_json(self, study: Study) -> None:
        assert Study.model_validate(study.model_dump(mode="json")) == study
