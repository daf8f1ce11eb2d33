"""What is measured of one member at a checkpoint: accuracy on test stimuli, and variance explained layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from repbias.layers import capture
from repbias.measures import Density, VarianceExplained, variance_explained
from repbias.measures.variance_result import ALL_FEATURES
from repbias.models.heads import predictions
from repbias.tasks.task import Split, Stimuli, Task

INPUT = "input"
OUTPUT = "output"
LARGEST_RESPONSE = 1e15  # the squares of larger ones, summed, leave the range of float32
Row = tuple[int, str, str, str, float]
# (validation responses [stimulus, unit], their labels [stimulus, feature], test responses, their labels) -> [feature]
Measure = Callable[[Tensor, Tensor, Tensor, Tensor], Sequence[float]]
COLUMNS = ["step", "layer", "feature", "measure", "value"]
UNIT_COLUMNS = ["layer", "unit", "feature", "r2"]


@dataclass(frozen=True)
class Held:
    """A held-out split on the device: `inputs` float32 `[stimulus, ...]`, `labels` int64 `[stimulus, feature]`."""

    inputs: Tensor
    labels: Tensor

    @classmethod
    def of(cls, split: Split, device: torch.device) -> Held:
        """Put a split on the device."""
        return cls(torch.from_numpy(split.inputs).to(device, torch.float32), torch.from_numpy(split.labels).to(device))


class DivergedError(ArithmeticError):
    """A layer's response is NaN, infinite, or so large that its variance cannot be computed."""


class Examiner:
    """Examines one member: its validation and test stimuli, and the layers to read.

    Parameters
    ----------
    network : the architecture, in eval mode; the weights come with each call.
    layers : names of the layers to read, from input to output.
    measures : measures beyond variance explained and density, by name; each is computed for every layer at the first
        and the last step.

    Raises
    ------
    ValueError : a layer has the name under which the stimuli themselves are measured.
    """

    def __init__(
        self,
        network: nn.Module,
        task: Task,
        stimuli: Stimuli,
        layers: Sequence[str],
        measures: Mapping[str, Measure],
        device: torch.device,
    ) -> None:
        if INPUT in layers:
            raise ValueError(
                f"a layer is called {INPUT!r}, which names the stimuli in the tables; "
                "rename the submodule, or leave it out of layers="
            )
        self._network = network
        self._task = task
        self._layers = tuple(layers)
        self._measures = dict(measures)
        self._validation = Held.of(stimuli.validation, device)
        self._test = Held.of(stimuli.test, device)
        self._fit_labels = torch.from_numpy(task.measured_labels(stimuli.validation)).to(device)
        self._score_labels = torch.from_numpy(task.measured_labels(stimuli.test)).to(device)

    def validation_accuracy(self, state: dict[str, Tensor]) -> NDArray[np.float64]:
        """Return the share of validation stimuli on which each feature is reported correctly, `[feature]`."""
        with torch.no_grad():
            return self._accuracy(functional_call(self._network, state, (self._validation.inputs,)), self._validation)

    def examine(self, state: dict[str, Tensor], *, extremes: bool) -> Examination:
        """Measure every layer and the test accuracy with the weights of `state`.

        `extremes` says that this is the first or the last step, at which the additional measures are taken too.

        Raises
        ------
        DivergedError : a layer's response is not finite, or beyond 1e15.
        """
        with torch.no_grad(), capture(self._network, self._layers) as seen:
            functional_call(self._network, state, (self._validation.inputs,))
            fitted = self._with_inputs(self._validation, seen)
            logits = functional_call(self._network, state, (self._test.inputs,))
            scored = self._with_inputs(self._test, seen)
        for name in self._layers:
            _refuse_divergence(name, fitted[name])
            _refuse_divergence(name, scored[name])
        layers = {
            name: variance_explained(
                response.flatten(1),
                self._fit_labels,
                test_representation=scored[name].flatten(1),
                test_labels=self._score_labels,
                names=self._task.measured_names,
                joint=extremes,
            )
            for name, response in fitted.items()
        }
        extra = {
            (layer, name): self._apply(name, response.flatten(1), scored[layer].flatten(1))
            for layer, response in fitted.items()
            for name in (self._measures if extremes else ())
        }
        return Examination(self._task.feature_names, self._accuracy(logits, self._test), layers, extra)

    def _with_inputs(self, split: Held, seen: dict[str, Tensor]) -> dict[str, Tensor]:
        """The layers, and before them the stimuli, where their values are activity and not numbers of tokens."""
        return dict(seen) if self._task.teacher_forced else {INPUT: split.inputs, **seen}

    def _apply(self, measure: str, fitted: Tensor, scored: Tensor) -> tuple[float, ...]:
        values = self._measures[measure](fitted, self._fit_labels, scored, self._score_labels)
        names = self._task.measured_names
        if len(values) != len(names):
            raise ValueError(
                f"measure {measure!r} returned {len(values)} values for the {len(names)} features {names}; "
                "return one number a feature"
            )
        return tuple(float(value) for value in values)

    def _accuracy(self, logits: Tensor, split: Held) -> NDArray[np.float64]:
        correct = predictions(logits, self._task.n_classes) == split.labels
        accuracy: NDArray[np.float64] = correct.double().mean(0).cpu().numpy()
        return accuracy


@dataclass(frozen=True)
class Examination:
    """One checkpoint: `accuracy` `[feature]` on test stimuli, and the variance explained in each layer.

    `extra` holds the additional measures, one number a feature, by (layer, measure).
    """

    names: tuple[str, ...]
    accuracy: NDArray[np.float64]
    layers: dict[str, VarianceExplained]
    extra: dict[tuple[str, str], tuple[float, ...]]


@dataclass
class Record:
    """Everything measured of one member, checkpoint by checkpoint."""

    examinations: dict[int, Examination] = field(default_factory=dict)

    def table(self, mastery: dict[str, int], given: Mapping[str, Mapping[str, float]] | None = None) -> pd.DataFrame:
        """Return the tidy table: step, layer, feature, measure, value.

        `r2` is the share of a layer's variance at that step. `r2_final` has the same numerator over the layer's
        total variance at the last step, so that all points of a learning curve share a scale. What describes the
        spread over units (`density_*`, `participation`, `r2_per_stimulus`) is given for the first and last step, and so
        are `joint_r2`, the R2 of everything measured together (under the feature "(all)"), and `unique`, what it loses
        without one of them. What was `given` of each feature beforehand (see `Task.given`) stands at the last step.
        """
        rows: list[Row] = []
        steps = sorted(self.examinations)
        for step in steps:
            examination = self.examinations[step]
            rows += [
                (step, OUTPUT, name, "accuracy", value)
                for name, value in zip(examination.names, examination.accuracy, strict=True)
            ]
            for layer, result in examination.layers.items():
                total = self.examinations[steps[-1]].layers[layer].total
                rows += _variance_rows(step, layer, result, total)
                if step in (steps[0], steps[-1]):
                    rows += [*_density_rows(step, layer, result), *_joint_rows(step, layer, result)]
            rows += [
                (step, layer, name, measure, value)
                for (layer, measure), values in examination.extra.items()
                for name, value in zip(examination.layers[layer].names, values, strict=True)
            ]
        rows += [(step, OUTPUT, name, "mastery_step", step) for name, step in mastery.items()]
        rows += [
            (steps[-1], OUTPUT, name, measure, value)
            for measure, values in (given or {}).items()
            for name, value in values.items()
            if steps
        ]
        return pd.DataFrame(rows, columns=COLUMNS).astype({"step": "int64", "value": "float64"})

    def units(self) -> pd.DataFrame:
        """Return the per-unit R2 at the last step: layer, unit, feature, r2."""
        if not self.examinations:
            return pd.DataFrame(columns=UNIT_COLUMNS).astype({"unit": "int64", "r2": "float64"})
        last = self.examinations[max(self.examinations)]
        frames = [
            pd.DataFrame({"layer": layer, "unit": np.arange(len(r2)), "feature": name, "r2": r2})
            for layer, result in last.layers.items()
            for name, r2 in zip(result.names, result.unit_r2, strict=True)
        ]
        return pd.concat(frames, ignore_index=True)


def _refuse_divergence(layer: str, response: Tensor) -> None:
    if not bool(response.abs().amax() <= LARGEST_RESPONSE):  # so written, NaN is refused too
        raise DivergedError(f"the response of layer {layer!r} is not finite, or beyond {LARGEST_RESPONSE:g}")


def _variance_rows(step: int, layer: str, result: VarianceExplained, final_total: float) -> list[Row]:
    rows: list[Row] = []
    for name, r2, explained in zip(result.names, result.r2, result.explained, strict=True):
        rows.append((step, layer, name, "r2", r2))
        rows.append((step, layer, name, "r2_final", explained / final_total if final_total > 0 else 0.0))
    return rows


def _joint_rows(step: int, layer: str, result: VarianceExplained) -> list[Row]:
    if result.joint_r2 is None or result.unique is None:
        return []
    unique = zip(result.names, result.unique, strict=True)
    return [
        (step, layer, ALL_FEATURES, "joint_r2", result.joint_r2),
        *((step, layer, n, "unique", value) for n, value in unique),
    ]


def _density_rows(step: int, layer: str, result: VarianceExplained) -> list[Row]:
    density = Density.from_variance(result)
    rows: list[Row] = []
    for i, name in enumerate(result.names):
        if result.r2_per_stimulus is not None:
            rows.append((step, layer, name, "r2_per_stimulus", result.r2_per_stimulus[i]))
        rows.append((step, layer, name, "participation", density.participation[i]))
        rows += [
            (step, layer, name, f"density_{threshold:g}", density.fraction_above[i, j])
            for j, threshold in enumerate(density.thresholds)
        ]
    return rows
