"""What was checked, as the page tells it: networks and stimuli; what went wrong comes first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from repbias.report.figures.select import natural, require_columns
from repbias.report.views import TableView, joined, table_view, words


@dataclass(frozen=True)
class MembersView:
    """Networks: a sentence, those that need to be seen first, and those that passed."""

    sentence: str
    all_passed: bool
    troubled: TableView | None
    passed: TableView | None


@dataclass(frozen=True)
class DesignView:
    """The design check: a sentence, the checks that failed, and all of them with their notes."""

    sentence: str
    all_passed: bool
    failed: TableView | None
    every: TableView | None


def networks_view(networks: pd.DataFrame) -> MembersView:
    """Who passed and who did not, with those who did not first.

    Raises
    ------
    ValueError : if a column is missing.
    """
    require_columns(networks, ("condition", "seed", "status", "failed_criterion"), "networks")
    if networks.empty:
        return MembersView("No networks were trained.", False, None, None)
    missed = networks["failed_criterion"].map(lambda value: words(value).strip() != "")
    finished = networks["status"] == "finished"
    passed = finished & ~missed
    order = (~passed).map({True: 0, False: 1}) * 2 + (networks["status"] != "failed")
    troubled = networks[~passed].iloc[order[~passed].argsort(kind="stable")]
    return MembersView(
        sentence=_members_sentence(networks, passed, missed),
        all_passed=bool(passed.all()),
        troubled=table_view(troubled.drop(columns="study", errors="ignore")),
        passed=table_view(networks[passed].drop(columns=["study", "failed_criterion"], errors="ignore")),
    )


def _members_sentence(networks: pd.DataFrame, passed: pd.Series, missed: pd.Series) -> str:
    total = len(networks)
    if passed.all():
        return f"All {total} of {total} networks finished and passed the accuracy criterion."
    failed = int((networks["status"] == "failed").sum())
    stopped = int((networks["status"] == "step limit").sum())
    gate = missed & (networks["status"] == "finished")
    reasons = [
        f"{failed} failed" if failed else "",
        f"{stopped} stopped at the step limit" if stopped else "",
        f"{int(gate.sum())} failed the accuracy criterion on {_features(networks.loc[gate, 'failed_criterion'])}"
        if gate.any()
        else "",
    ]
    reason = joined([reason for reason in reasons if reason] or ["no reason is given"])
    return f"{int(passed.sum())} of {total} networks passed; {reason}. Each is listed below."


def _features(missed: Iterable[object]) -> str:
    """The distinct features in comma-joined cells."""
    names = {name.strip() for cell in missed for name in words(cell).split(",") if name.strip()}
    return joined(sorted(names, key=natural))


def design_view(design: pd.DataFrame) -> DesignView | None:
    """The design check, those that failed first; None if there was none.

    Parameters
    ----------
    design : one row a check with ``passed``, and any other columns; ``condition`` tells the tasks apart.

    Raises
    ------
    ValueError : if a column is missing.
    """
    if design.empty:
        return None
    require_columns(design, ("passed",), "design")
    passed = design["passed"].astype(bool)
    shown = design.rename(columns={"condition": "task of"})
    return DesignView(
        sentence=_design_sentence(design, passed),
        all_passed=bool(passed.all()),
        failed=table_view(shown[~passed].drop(columns=["note", "passed"], errors="ignore")),
        every=table_view(shown.sort_values("passed", kind="stable").replace("", None)),
    )


def _design_sentence(design: pd.DataFrame, passed: pd.Series) -> str:
    tasks = design["condition"].nunique() if "condition" in design else 1
    checks = f"{len(design)} checks" if len(design) > 1 else "1 check"
    where = f" in all {tasks} tasks" if tasks > 1 else ""
    if passed.all():
        return f"All {checks} passed{where}."
    failed = int((~passed).sum())
    where = f" in {design.loc[~passed, 'condition'].nunique()} of {tasks} tasks" if tasks > 1 else ""
    return f"{failed} of {checks} failed{where}: {joined(_kinds(design[~passed]))}."


def _kinds(failed: pd.DataFrame) -> list[str]:
    """The distinct names of the checks that failed."""
    return [words(name) for name in failed["check"].unique()] if "check" in failed else ["each is listed below"]
