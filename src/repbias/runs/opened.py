"""A store that is opened from Python: which studies it holds, and their results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from repbias.core.display import Displayed
from repbias.experiments.study import ScaleName
from repbias.runs.plan import make_plan
from repbias.runs.results import StudyResult
from repbias.runs.store import Store
from repbias.runs.studies import claims_table, stored_requests, stored_results
from repbias.studies import find_study


class StudyStore(Displayed):
    """The studies in a store; an index gives a study's results at the largest scale that was run.

    Attributes
    ----------
    path : the store's folder.

    Examples
    --------
    >>> import repbias
    >>> from repbias.experiments import Condition, Study, favours, quick_and_full
    >>> task = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"}, train=1024, validation=256, test=256)
    >>> training = repbias.Training(phases=[repbias.Phase(until="steps", steps=20)])
    >>> one = Condition(name="one", task=task, model=repbias.MLP(widths=(8, 8)), training=training)
    >>> study = Study(
    ...     name="tiny", question="Does the easy feature explain more?", conditions=[one], scales=quick_and_full(),
    ...     claims=[favours("easy more", "The easy feature explains more variance", sesoi=0.05)],
    ... )
    >>> result = repbias.run(study, seeds=1, store="my-store", progress=False)
    >>> repbias.open_store("my-store").studies["study"].tolist()
    ['tiny']
    """

    def __init__(self, path: str | Path) -> None:
        self._store = Store.open(path, create=False)
        self.path = self._store.root

    @property
    def studies(self) -> pd.DataFrame:
        """One row per study and scale: study, scale, seeds, conditions, networks planned, and how many are missing."""
        rows, held = [], self._store.held()
        for name, request in stored_requests(self._store).items():
            for scale, seeds in request.seeds.items():
                plan = make_plan(request.study or find_study(name), scale, seeds)
                runs = {network.run_id for _, network in plan.networks()}
                rows.append((name, scale, seeds, len(plan.conditions), len(runs), len(runs - held)))
        return pd.DataFrame(rows, columns=["study", "scale", "seeds", "conditions", "networks", "missing"])

    def study(self, name: str, *, scale: ScaleName | None = None) -> StudyResult:
        """Return the results of a study; `scale` is by default the largest that was run.

        Raises
        ------
        ValueError : the study, or the scale, was never run into this store, or a run is damaged.
        """
        return stored_results(self.path, [name], scale)[0]

    def __getitem__(self, name: str) -> StudyResult:
        return self.study(name)

    def __iter__(self) -> Iterator[str]:
        return iter(stored_requests(self._store))

    def __len__(self) -> int:
        return len(stored_requests(self._store))

    def __contains__(self, name: object) -> bool:
        return name in stored_requests(self._store)

    @property
    def claims(self) -> pd.DataFrame:
        """The claims of all studies, one row per claim and condition."""
        return claims_table(stored_results(self.path))

    def _display(self) -> tuple[str, pd.DataFrame]:
        return f"store {self.path.name}: {len(self)} {'study' if len(self) == 1 else 'studies'}", self.studies


def open_store(path: str | Path = "repbias-store") -> StudyStore:
    """Open the store of `repbias run` or `repbias.run` to read what it holds.

    Parameters
    ----------
    path : the store's folder.

    Returns
    -------
    The store: `.studies` lists what it holds, and `store["complexity"]` gives the results of a study.

    Raises
    ------
    ValueError : there is no store at `path`.

    Examples
    --------
    A user-defined measure, here the number of directions that share the variance, of every network of a condition:

    >>> import repbias
    >>> store = repbias.open_store("repbias-store")  # doctest: +SKIP
    >>> for network in store["complexity"].networks(condition="parity3, 6 x 64"):  # doctest: +SKIP
    ...     variances = network.read("hidden.5").var(dim=0)
    ...     print(network.seed, float(variances.sum() ** 2 / (variances**2).sum()))
    """
    return StudyStore(path)
