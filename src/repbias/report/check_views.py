"""The checks of a study as its page shows them: networks and stimuli, with problems first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from repbias.report.figures.select import natural, require_columns
from repbias.report.views import TableView, joined, table_view, words


@dataclass(frozen=True)
class CheckView:
    """What was checked: a sentence, what did not pass, and the rest or all of it."""

    sentence: str
    all_passed: bool
    problems: TableView | None
    others: TableView | None


def networks_view(networks: pd.DataFrame) -> CheckView:
    """Return the networks that did not pass the accuracy criterion or did not finish, and those that passed.

    Raises
    ------
    ValueError : a column is missing.
    """
    require_columns(networks, ("condition", "seed", "status", "failed_criterion"), "networks")
    if networks.empty:
        return CheckView("No networks were trained.", False, None, None)
    below = networks["failed_criterion"].map(lambda value: words(value).strip() != "")
    passed = (networks["status"] == "finished") & ~below
    problems = networks[~passed].sort_values("status", key=lambda status: status != "failed", kind="stable")
    return CheckView(
        sentence=_networks_sentence(networks, passed, below),
        all_passed=bool(passed.all()),
        problems=table_view(problems.drop(columns="study", errors="ignore")),
        others=table_view(networks[passed].drop(columns=["study", "failed_criterion"], errors="ignore")),
    )


def _networks_sentence(networks: pd.DataFrame, passed: pd.Series, below: pd.Series) -> str:
    total = len(networks)
    if passed.all():
        return f"All {total} of {total} networks finished and passed the accuracy criterion."
    failed, stopped, absent = (int((networks["status"] == one).sum()) for one in ("failed", "step limit", "not run"))
    low = networks.loc[below & (networks["status"] == "finished"), "failed_criterion"]
    reasons = [
        f"{failed} failed" if failed else "",
        f"{stopped} stopped at the step limit" if stopped else "",
        f"{absent} not run" if absent else "",
        f"{len(low)} failed the accuracy criterion on {_features(low)}" if len(low) else "",
    ]
    reason = joined([reason for reason in reasons if reason] or ["no reason is given"])
    return f"{int(passed.sum())} of {total} networks passed; {reason}. Each is listed below."


def _features(failed: Iterable[object]) -> str:
    """The distinct features in cells that list features with commas."""
    names = {name.strip() for cell in failed for name in words(cell).split(",") if name.strip()}
    return joined(sorted(names, key=natural))


def design_view(design: pd.DataFrame) -> CheckView | None:
    """Return the design checks that failed, and all of them; None if there were none.

    Parameters
    ----------
    design : one row per check with ``passed``, and any other columns; ``condition`` distinguishes the tasks.

    Raises
    ------
    ValueError : a column is missing.
    """
    if design.empty:
        return None
    require_columns(design, ("passed",), "design")
    passed = design["passed"].astype(bool)
    shown = design.rename(columns={"condition": "task of"})
    return CheckView(
        sentence=_design_sentence(design, passed),
        all_passed=bool(passed.all()),
        problems=table_view(shown[~passed].drop(columns=["note", "passed"], errors="ignore")),
        others=table_view(shown.sort_values("passed", kind="stable").replace("", None)),
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
