"""Trained networks, read back from a store."""

from __future__ import annotations

from repbias.experiments.condition import NetworkSpec
from repbias.runs.store import Store
from repbias.runs.stored_run import StoredRun
from repbias.training import Network, Training
from repbias.training.job import Outcome, counts


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
        status=did["status"],
        steps=did["steps"],
        failed_step=did["failed_step"],
        failed_criterion=tuple(did["failed_criterion"]),
        table=run.table("measures"),
        units=run.table("units"),
        state=run.weights(),
        seconds=did["seconds"],
    )
    return Network(outcome, network.task, network.model)


def learned(network: NetworkSpec, run: StoredRun) -> bool:
    """Whether a network finished, and passed the accuracy criterion on every feature that it was trained to report."""
    trained = trained_features(network.training, network.task.feature_names)
    return counts(run.experiment["status"], set(run.experiment["failed_criterion"]) & set(trained))


def trained_features(training: Training, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the features that are in the loss in some phase of training; `names` are all features of the task."""
    in_loss = {name for phase in training.phases for name in phase.features or names}
    return tuple(name for name in names if name in in_loss)
