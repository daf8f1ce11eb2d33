"""Trained networks of one task and model: their measurements over seeds, saved and read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import pandas as pd

from repbias.core.display import Displayed
from repbias.training.job import Outcome
from repbias.training.network import Network
from repbias.training.saving import ModelLike, read_outcomes, write_outcomes
from repbias.training.summaries import all_steps, all_units, by_feature, last_hidden, r2_by_layer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from repbias.figures.figure import Figure
    from repbias.figures.style import Style


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
        return all_steps(self._outcomes)

    def units(self) -> pd.DataFrame:
        """Return the R2 of every unit by every feature at the last step: seed, layer, unit, feature, r2."""
        return all_units(self._outcomes)

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
        return r2_by_layer(self._outcomes, measure)

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

        return plot_networks(self._outcomes, kind, ax, style)

    def summary(self) -> pd.DataFrame:
        """Return one row per network: status, steps, the step it failed at, features that failed the criterion."""
        columns = ["seed", "status", "steps", "failed_step", "failed_criterion"]
        endings = [(o.seed, o.status, o.steps, o.failed_step, ", ".join(o.failed_criterion)) for o in self._outcomes]
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
        return write_outcomes(self._outcomes, self[0].task, self[0].model, folder)

    @property
    def last_hidden(self) -> str:
        """The last measured layer before the read-out."""
        return last_hidden(self.r2())

    @property
    def _outcomes(self) -> list[Outcome]:
        return [network.outcome for network in self]

    def _display(self) -> tuple[str, pd.DataFrame]:
        if not self:
            return "no networks", pd.DataFrame()
        endings = pd.Series([outcome.status for outcome in self._outcomes]).value_counts()
        ends = ", ".join(f"{count} {status}" for status, count in endings.items())
        seeds = ", ".join(str(network.seed) for network in self[:5]) + (", ..." if len(self) > 5 else "")
        return f"{len(self)} networks of seeds {seeds}: {ends}", by_feature(self._outcomes)


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
