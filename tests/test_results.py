"""The published results agree with themselves and with the studies in the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from repbias.report.publish import Published, read_published
from repbias.studies import NAMES, find_study

RESULTS = read_published(Path(__file__).parents[1] / "results")
each = pytest.mark.parametrize("published", RESULTS, ids=lambda one: one.name)


@each
def test_every_verdict_follows_from_the_numbers_of_the_seeds(published: Published) -> None:
    assert published.differing() == []


@each
def test_the_settings_are_those_of_the_study_in_the_code(published: Published) -> None:
    assert published.name in NAMES
    conditions = find_study(published.name).at(published.provenance["scale"])
    now = {condition.name: condition.network(0).run_id.split("-")[0] for condition in conditions}
    assert now == published.provenance["settings"]


@each
def test_the_claims_are_those_of_the_study_in_the_code(published: Published) -> None:
    stated = {(claim.name_in(published.name), claim.statement) for claim in find_study(published.name).claims}
    assert {(row.id, row.statement) for row in published.claims.itertuples()} <= stated


def test_results_are_small() -> None:
    files = [path for path in (Path(__file__).parents[1] / "results").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 5_000_000
