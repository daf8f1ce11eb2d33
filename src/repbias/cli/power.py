"""`repbias power`: print which share of the variance an audit will detect, or how many stimuli it needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from repbias.cli.options import optional

if TYPE_CHECKING:
    from repbias.audit.files.arrays import Array


@dataclass(frozen=True)
class Power:
    """Plan an audit: which share of the variance will be detected, or how many stimuli are needed?

    From numbers:

    - repbias power --units 100 --classes 2 --stimuli 200 400 800

    From pilot data:

    - repbias power --pilot pilot.npy --features labels.csv --share 0.02
    """

    stimuli: Annotated[tuple[int, ...], optional("INT...")] = ()
    """Planned numbers of stimuli, to get the detectable share; by default that of the pilot."""
    share: Annotated[tuple[float, ...], optional("SHARE...")] = ()
    """Shares of the variance between 0 and 1, to get the number of stimuli."""
    pilot: Annotated[Path | None, optional("FILE")] = None
    """Activity of one layer [stimulus, unit]: an .npy, .npz, .csv, .parquet or .safetensors file."""
    features: Annotated[Path | None, optional("FILE")] = None
    """A .csv or .parquet with one row per stimulus of the pilot and one column per feature."""
    columns: Annotated[tuple[str, ...], optional("NAME...")] = ()
    """The columns that are features; by default all."""
    continuous: Annotated[tuple[str, ...], optional("NAME...")] = ()
    """Features whose numbers have an order and a distance; NAME:spline describes their effect by splines."""
    circular: Annotated[tuple[str, ...], optional("NAME:PERIOD...")] = ()
    """Features that repeat after a period, such as orientation:180."""
    units: Annotated[int | None, optional("INT")] = None
    """Number of units, without a pilot."""
    classes: Annotated[str | None, optional("{INT,continuous}")] = None
    """Number of classes of the feature, or 'continuous'; 2 by default."""
    dimensionality: Annotated[float | None, optional("FLOAT")] = None
    """Participation ratio of the activity, without a pilot; by default its eigenvalues fall as 1 / rank."""
    repeats: int = 1
    """Presentations of each stimulus."""
    noise_ceiling: Annotated[float | None, optional("SHARE")] = None
    """Share of the variance of single presentations that repeats reproduce; needed with repeats."""
    power: float = 0.8
    """Probability with which the feature is to be detected."""
    level: float = 0.05
    """Level of all tests together."""
    tests: int = 1
    """Number of tests in the audit: features times layers."""
    seed: int = 0
    """Seed of random directions and sums."""

    def run(self) -> None:
        """Print a title and a table with one row per feature and value.

        Raises
        ------
        ValueError : options that do not belong together, numbers out of range, or anything wrong with the files.
        """
        from repbias.audit.planning.power import power

        names = ("units", "dimensionality", "repeats", "noise_ceiling", "power", "level", "tests", "seed")
        try:
            print(
                power(
                    None if self.pilot is None else _one_array(self.pilot),
                    self._features(),
                    stimuli=self.stimuli or None,
                    share=self.share or None,
                    classes=self._classes(),
                    **{name: getattr(self, name) for name in names},
                )
            )
        except TypeError as error:  # for input of the wrong kind
            raise ValueError(str(error)) from error

    def _features(self) -> dict[str, Any] | None:
        from repbias.audit.files.kinds import FeatureKinds
        from repbias.audit.files.table import read_features

        if self.features is None:
            if self.columns or self.continuous or self.circular:
                raise ValueError("--columns, --continuous and --circular are of --features: name its file")
            return None
        kinds = FeatureKinds((), self.continuous, self.circular)
        return kinds.of(read_features(self.features, self.columns).features)

    def _classes(self) -> Any:
        if self.classes in (None, "continuous"):
            return self.classes
        if not str(self.classes).isdecimal():
            raise ValueError(f"--classes must be a whole number or 'continuous', got {self.classes!r}")
        return int(str(self.classes))


def _one_array(path: Path) -> Array:
    from repbias.audit.files.arrays import read_arrays

    arrays = read_arrays([path])
    if len(arrays) > 1:
        raise ValueError(
            f"{path} holds {len(arrays)} arrays ({', '.join(arrays)}); a pilot is one layer: save it alone"
        )
    return next(iter(arrays.values()))
