"""Trained networks, read from a store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from torch import Tensor

from repbias.experiments.condition import NetworkSpec
from repbias.runs.store import Store, StoredRun
from repbias.training import Network
from repbias.training.job import Outcome


class _Weights(Mapping[str, Tensor]):
    """The weights of a run, read from the disk when they are first used."""

    def __init__(self, run: StoredRun) -> None:
        self._run = run

    @cached_property
    def _tensors(self) -> dict[str, Tensor]:
        return self._run.weights()

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def load_network(network: NetworkSpec, store: Store) -> Network:
    """Return a trained network from a store, as `repbias.train` would return it.

    Raises
    ------
    StoreError : the store has no such run. DamagedRun : it is damaged.
    """
    run = store.load(network.run_id)
    did = run.experiment
    outcome = Outcome(
        seed=network.seed,
        failed_criterion=tuple(did["failed_criterion"]),
        table=run.table("measures"),
        units=run.table("units"),
        state=_Weights(run),
        **{name: did[name] for name in ("status", "steps", "failed_step", "seconds")},
    )
    return Network(outcome, network.task, network.model)
