"""Trained networks: their modules, their stimuli, and their measurements over seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import pandas as pd
from numpy.typing import NDArray
from torch import Tensor, nn

from repbias.core.display import Displayed, Sparkline
from repbias.core.randomness import torch_rng
from repbias.core.results import ALL_FEATURES
from repbias.core.statistics import mean_interval
from repbias.models import Model
from repbias.models.model import made_by
from repbias.tasks.task import Split, Stimuli, Task
from repbias.training.batches import responses
from repbias.training.job import Outcome
from repbias.training.record import COLUMNS, OUTPUT, UNIT_COLUMNS
from repbias.training.saving import ModelLike, read_outcomes, write_outcomes
from repbias.training.weights import put_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from repbias.figures.figure import Figure
    from repbias.figures.style import Style


def build_network(model: ModelLike, task: Task, seed: int) -> nn.Module:
    """Make a network with its initial weights; the same seed gives the same weights.

    A function that makes an `nn.Module` is called with torch's global generator set to the seed's stream, and the
    generator is restored afterwards.
    """
    generator = torch_rng(seed, "init")
    if isinstance(model, Model):
        return model.build_for(task, generator)
    if isinstance(model, nn.Module) or not callable(model):
        raise TypeError(
            f"model must be a repbias model or a function that makes an nn.Module, got {type(model).__name__}; "
            "each seed needs a new network: write lambda: nn.Sequential(...), or give your class"
        )
    return made_by(model, generator)


@dataclass(frozen=True, eq=False, repr=False)
class Network(Displayed):
    """A trained network: its module, its measurements, and the stimuli on which it was trained and measured.

    Attributes
    ----------
    outcome : status, steps, tables and weights, see `Outcome`.

    Examples
    --------
    >>> import repbias
    >>> task = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"})
    >>> phase = repbias.Phase(until="steps", steps=50)
    >>> networks = repbias.train(task, repbias.MLP(widths=(16, 16)), seeds=2, training={"phases": [phase]})
    >>> network = networks[0]
    >>> network.read("hidden.1", "test").shape[1]
    16
    """

    outcome: Outcome
    task: Task
    model: ModelLike

    @property
    def seed(self) -> int:
        """The network's seed."""
        return self.outcome.seed

    @cached_property
    def module(self) -> nn.Module:
        """The trained network, in eval mode.

        Raises
        ------
        ValueError : the network diverged and has no weights, or the model does not make the module that was trained.
        """
        if self.outcome.status == "failed":
            raise ValueError(
                f"the network of seed {self.seed} diverged at step {self.outcome.failed_step} and has no weights"
            )
        module = build_network(self.model, self.task, self.seed)
        put_weights(module, self.outcome)
        return module.eval()

    @cached_property
    def stimuli(self) -> Stimuli:
        """The three splits, drawn again from the seed."""
        return self.task.stimuli(self.seed)

    def split(self, name: str) -> Split:
        """Return the "train", "validation" or "test" stimuli."""
        return self.stimuli.split(name)

    def labels(self, split: str = "test") -> NDArray:
        """Return the value of each feature, int64 `[stimulus, feature]`."""
        return self.split(split).labels

    def read(self, layer: str, split: str = "test") -> Tensor:
        """Return the responses of one layer to the stimuli of a split, float32 `[stimulus, unit]`."""
        return responses(self.module, self.task, layer, self.split(split).inputs)

    def __eq__(self, other: object) -> bool:
        """Whether two networks have the same task, model, measurements and weights."""
        if not isinstance(other, Network):
            return NotImplemented
        return (self.task, self.model, self.outcome) == (other.task, other.model, other.outcome)

    def __hash__(self) -> int:
        return hash(self.outcome)

    def _display(self) -> tuple[str, pd.DataFrame]:
        outcome = self.outcome
        return f"Network of seed {self.seed}: {_ending(outcome)}", _by_feature(Networks([self]))


class Networks(Displayed, Sequence[Network]):
    """Trained networks of one task and model, in the order of their seeds.

    An index gives a `Network`, a slice gives `Networks`.

    Examples
    --------
    >>> import repbias
    >>> task = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"})
    >>> phase = repbias.Phase(until="steps", steps=50)
    >>> networks = repbias.train(task, repbias.MLP(widths=(16, 16)), seeds=3, training={"phases": [phase]})
    >>> len(networks[:2])
    2
    >>> networks.r2().columns.tolist()
    ['layer', 'feature', 'r2', 'ci_low', 'ci_high', 'n']
    """

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = sorted(networks, key=lambda network: network.seed)

    @overload
    def __getitem__(self, index: int) -> Network: ...
    @overload
    def __getitem__(self, index: slice) -> Networks: ...
    def __getitem__(self, index: int | slice) -> Network | Networks:
        return Networks(self._networks[index]) if isinstance(index, slice) else self._networks[index]

    def __len__(self) -> int:
        return len(self._networks)

    def __iter__(self) -> Iterator[Network]:
        return iter(self._networks)

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same networks, weights included."""
        return self._networks == other._networks if isinstance(other, Networks) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self._networks))

    def table(self) -> pd.DataFrame:
        """Return all measurements as a tidy table: seed, step, layer, feature, measure, value."""
        return _stacked({network.seed: network.outcome.table for network in self}, COLUMNS)

    def units(self) -> pd.DataFrame:
        """Return the R2 of every unit by every feature at the last step: seed, layer, unit, feature, r2."""
        return _stacked({network.seed: network.outcome.units for network in self}, UNIT_COLUMNS)

    def r2(self, measure: str = "r2") -> pd.DataFrame:
        """Return the mean R2 of each layer and feature at the last step, with its 95 % interval over seeds.

        Networks that diverged are left out. The interval is Student's, with seeds as the replicates.

        Parameters
        ----------
        measure : another measure of the table by its name, such as "unique", "participation" or a user-defined one.

        Returns
        -------
        one row per layer (from input to output) and feature: layer, feature, the measure, ci_low, ci_high, n.

        Raises
        ------
        ValueError : no network has this measure.
        """
        table = self._at_last_step()
        rows = table[(table["measure"] == measure) & (table["feature"] != ALL_FEATURES)]
        if rows.empty:
            known = ", ".join(sorted(set(table["measure"])))
            raise ValueError(f"no network has the measure {measure!r}; measured: {known or 'nothing'}")
        found = []
        for (layer, feature), values in rows.dropna(subset="value").groupby(["layer", "feature"], sort=False)["value"]:
            mean = mean_interval(values.to_numpy())
            found.append((layer, feature, mean.mean, mean.ci_low, mean.ci_high, mean.n))
        return pd.DataFrame(found, columns=["layer", "feature", measure, "ci_low", "ci_high", "n"])

    @overload
    def plot(self, kind: Literal["layers"] = "layers", *, ax: Axes | None = None, style: Style = "repbias") -> Axes: ...
    @overload
    def plot(self, kind: Literal["learning", "units"], *, style: Style = "repbias") -> Figure: ...
    def plot(
        self, kind: Literal["layers", "learning", "units"] = "layers", *, ax: Axes | None = None,
        style: Style = "repbias",
    ) -> Axes | Figure:  # fmt: skip
        """Draw R2 by layer, learning curves, or R2 of single units.

        Parameters
        ----------
        kind : "layers" (mean R2 of each feature from layer to layer, with its 95 % interval over seeds), "learning"
            (accuracy and R2 in the course of training), or "units" (R2 of the units of the last hidden layer).
        ax : axes for "layers"; new ones by default.
        style : "repbias", or "user" for the fonts, sizes and colours of your rcParams.

        Returns
        -------
        The axes of "layers", else a `Figure` with caption and numbers; ``figure.save("learning.pdf")`` writes it.

        Raises
        ------
        ValueError : an unknown kind or style, axes for a figure of several panels, or no measurements.
        """
        from repbias.training.plots import plot_networks  # it imports Matplotlib, which training does not need

        return plot_networks(self, kind, ax, style)

    def summary(self) -> pd.DataFrame:
        """Return one row per network: status, steps, the step it failed at, features that failed the criterion."""
        columns = ["seed", "status", "steps", "failed_step", "failed_criterion"]
        endings = [
            (n.seed, n.outcome.status, n.outcome.steps, n.outcome.failed_step, ", ".join(n.outcome.failed_criterion))
            for n in self
        ]
        return pd.DataFrame(endings, columns=columns)

    def save(self, folder: str | Path) -> Path:
        """Write the networks, with weights and measurements, into a folder; see `repbias.load_networks`.

        The folder appears whole or not at all. It holds JSON, safetensors and Parquet files, and no pickles.

        Raises
        ------
        FileExistsError : something is there already. ValueError : there are no networks, several of one seed, or
        networks of different tasks or models.
        """
        if not self:
            raise ValueError("there are no networks to save")
        if any((n.task, n.model) != (self[0].task, self[0].model) for n in self):
            raise ValueError("these networks have different tasks or models; save those of each in a separate folder")
        return write_outcomes([n.outcome for n in self], self[0].task, self[0].model, folder)

    @property
    def last_hidden(self) -> str:
        """The last measured layer before the read-out."""
        layers = self.r2()["layer"].unique()
        return str(next((layer for layer in layers[::-1] if layer != "readout"), layers[-1]))

    def _at_last_step(self) -> pd.DataFrame:
        tables = [n.outcome.table for n in self if n.outcome.status != "failed"]
        ends = [table[table["step"] == table["step"].max()] for table in tables]
        return pd.concat(ends, ignore_index=True) if ends else pd.DataFrame(columns=COLUMNS)

    def _display(self) -> tuple[str, pd.DataFrame]:
        if not self:
            return "no networks", pd.DataFrame()
        endings = pd.Series([network.outcome.status for network in self]).value_counts()
        ends = ", ".join(f"{count} {status}" for status, count in endings.items())
        seeds = ", ".join(str(network.seed) for network in self[:5]) + (", ..." if len(self) > 5 else "")
        return f"{len(self)} networks of seeds {seeds}: {ends}", _by_feature(self)


def load_networks(folder: str | Path, *, model: ModelLike | None = None) -> Networks:
    """Read networks that `Networks.save` wrote: weights and measurements are the same bit for bit.

    Parameters
    ----------
    folder : what `networks.save(folder)` wrote.
    model : the function that made the modules. Only networks of a function that cannot be imported by its name (a
        lambda, or a function of a notebook) need it.

    Raises
    ------
    ValueError : no such folder, a file of it is missing or not as it was saved, or its model is not known.

    Examples
    --------
    >>> import repbias
    >>> task = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"})
    >>> phase = repbias.Phase(until="steps", steps=50)
    >>> networks = repbias.train(task, repbias.MLP(widths=(16, 16)), seeds=2, training={"phases": [phase]})
    >>> path = networks.save("my-networks")
    >>> repbias.load_networks("my-networks") == networks
    True
    """
    outcomes, task, found = read_outcomes(folder, model)
    return Networks(Network(outcome, task, found) for outcome in outcomes)


def _by_feature(networks: Networks) -> pd.DataFrame:
    """Return what a display shows: for each feature, accuracy, R2 in the last measured layer, and R2 by layer."""
    table = networks._at_last_step()
    if not (table["measure"] == "r2").any():
        return pd.DataFrame()
    r2 = networks.r2()
    last = networks.last_hidden
    accuracy = table[(table["layer"] == OUTPUT) & (table["measure"] == "accuracy")].groupby("feature")["value"].mean()
    rows = []
    for feature, layers in r2.groupby("feature", sort=False):
        row = layers[layers["layer"] == last].iloc[-1]
        interval = f"[{row['ci_low']:.3f}, {row['ci_high']:.3f}]" if row["n"] > 1 else ""
        rows.append(
            {
                "feature": feature,
                "accuracy": accuracy.get(feature),
                f"R2 in {last}": f"{row['r2']:.3f} {interval}".strip(),
                "R2 by layer": Sparkline(tuple(layers["r2"])),
            }
        )
    return pd.DataFrame(rows)


def _ending(outcome: Outcome) -> str:
    if outcome.status == "failed":
        return f"diverged at step {outcome.failed_step}"
    failed = f"; failed the accuracy criterion on {', '.join(outcome.failed_criterion)}"
    return f"{outcome.status} after {outcome.steps:,} steps{failed if outcome.failed_criterion else ''}"


def _stacked(tables: Mapping[int, pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    frames = [table.assign(seed=seed)[["seed", *table.columns]] for seed, table in tables.items()]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["seed", *columns])
