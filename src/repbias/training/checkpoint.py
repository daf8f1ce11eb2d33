"""The measurements of one network at a checkpoint: test accuracy, and variance explained layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from repbias.activations.batches import Batch
from repbias.activations.reading import run_and_read
from repbias.activations.survey import Call, survey
from repbias.core.functions import call_user_code
from repbias.measures import VarianceExplained, VarianceFitter, variance_explained
from repbias.models.model import predictions
from repbias.tasks.task import Split, Stimuli, Task
from repbias.training.batches import Chunks, chunk_size
from repbias.training.record import Examination

INPUT = "input"
LARGEST_RESPONSE = 1e15  # the squares of larger ones, summed, leave the range of float32
# (validation responses [stimulus, unit], their labels [stimulus, feature], test responses, their labels) -> [feature]
Measure = Callable[[Tensor, Tensor, Tensor, Tensor], Sequence[float]]


@dataclass(frozen=True)
class Held:
    """A held-out split: stimuli as the task draws them, `[stimulus, ...]`, and their labels on the device.

    Attributes
    ----------
    labels : int64 `[stimulus, feature]`. measured : int64 `[stimulus, measured]`, see `Task.measured_labels`.
    """

    inputs: NDArray[np.generic]
    labels: Tensor
    measured: Tensor

    @classmethod
    def of(cls, task: Task, split: Split, device: torch.device) -> Held:
        """Put the labels of a split on the device."""
        known = split.labels, task.measured_labels(split)
        return cls(split.inputs, *(torch.from_numpy(labels).to(device) for labels in known))


class DivergedError(ArithmeticError):
    """A layer's response is NaN, infinite, or so large that its variance cannot be computed."""


class Examiner:
    """Measures one network on its validation and test stimuli.

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
        self._calls: dict[str, Call] = {}
        self._measures = dict(measures)
        self._device = device
        self._validation = Held.of(task, stimuli.validation, device)
        self._test = Held.of(task, stimuli.test, device)

    def validation_accuracy(self, state: dict[str, Tensor]) -> NDArray[np.float64]:
        """Return the share of validation stimuli for which each feature is reported correctly, `[feature]`."""
        return self._accuracy(self._respond(state, self._validation, ())[0], self._validation)

    def examine(self, state: dict[str, Tensor], *, extremes: bool) -> Examination:
        """Measure every layer and the test accuracy with the weights of `state`.

        `extremes` marks the first and the last step, at which the additional measures are computed too.

        Raises
        ------
        DivergedError : a layer's response is not finite, or beyond 1e15.
        """
        _, fitted = self._respond(state, self._validation, self._layers)
        logits, scored = self._respond(state, self._test, self._layers)
        for name in fitted:
            _refuse_divergence(name, fitted[name])
            _refuse_divergence(name, scored[name])
        layers = {INPUT: self._variance_of_stimuli} if self._reads_stimuli else {}
        for name, response in fitted.items():
            layers[name] = variance_explained(
                response,
                self._validation.measured,
                test_representation=scored[name],
                test_labels=self._test.measured,
                names=self._task.measured_names,
                joint=extremes,
            )
        extra = self._extra(fitted, scored) if extremes and self._measures else {}
        return Examination(self._task.feature_names, self._accuracy(logits, self._test), layers, extra)

    def _respond(
        self, state: dict[str, Tensor], split: Held, layers: Sequence[str]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the logits `[stimulus, output]` and the responses of the layers, each `[stimulus, unit]`."""
        logits: list[Tensor] = []
        parts: dict[str, list[Tensor]] = {}

        def run(batch: Batch) -> Tensor:
            return functional_call(self._network, state, (batch.inputs,))

        def keep(layer: str, response: Tensor) -> None:
            parts.setdefault(layer, []).append(response.clone())

        with torch.no_grad():
            for chunk in Chunks(self._task, split.inputs, self._device):
                batch = Batch(chunk, None, slice(0, len(chunk)))
                if layers and not self._calls:
                    self._calls = survey(self._network, batch, layers, pool="flatten", run=run)
                logits.append(run_and_read(self._network, batch, self._calls if layers else {}, keep, run))
        return _joined(logits), {layer: _joined(responses) for layer, responses in parts.items()}

    @property
    def _reads_stimuli(self) -> bool:
        """Whether the stimuli are measured like the responses of a layer, which numbers of tokens are not."""
        return not self._task.teacher_forced

    @cached_property
    def _variance_of_stimuli(self) -> VarianceExplained:
        """The variance explained in the stimuli, which training does not change."""
        classes = (self._validation.measured.amax(0) + 1).tolist()
        fitter = VarianceFitter(classes, names=self._task.measured_names, folds=None, joint=True)
        for split, update in ((self._validation, fitter.update), (self._test, fitter.update_test)):
            labels = split.measured.split(chunk_size(self._task, split.inputs))
            for chunk, known in zip(Chunks(self._task, split.inputs, self._device), labels, strict=True):
                update(chunk.flatten(1), known)
        return fitter.result()

    def _extra(self, fitted: dict[str, Tensor], scored: dict[str, Tensor]) -> dict[tuple[str, str], tuple[float, ...]]:
        """Return the additional measures of every layer, and of the stimuli where these are measured."""
        pairs = {name: (response, scored[name]) for name, response in fitted.items()}
        if self._reads_stimuli:
            splits = (self._validation, self._test)
            fit, score = (self._task.network_inputs(split.inputs, self._device).flatten(1) for split in splits)
            pairs = {INPUT: (fit, score), **pairs}
        return {(layer, name): self._apply(name, *pair) for layer, pair in pairs.items() for name in self._measures}

    def _apply(self, measure: str, fitted: Tensor, scored: Tensor) -> tuple[float, ...]:
        arguments = (fitted, self._validation.measured, scored, self._test.measured)
        values = call_user_code(f"measure {measure!r}", self._measures[measure], *arguments)
        names = self._task.measured_names
        if len(values) != len(names):
            raise ValueError(
                f"measure {measure!r} returned {len(values)} values for the {len(names)} features {names}; "
                "return one number per feature"
            )
        return tuple(float(value) for value in values)

    def _accuracy(self, logits: Tensor, split: Held) -> NDArray[np.float64]:
        correct = predictions(logits, self._task.n_classes) == split.labels
        accuracy: NDArray[np.float64] = correct.double().mean(0).cpu().numpy()
        return accuracy


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _refuse_divergence(layer: str, response: Tensor) -> None:
    if not bool(response.abs().amax() <= LARGEST_RESPONSE):  # written so that NaN is refused too
        raise DivergedError(f"the response of layer {layer!r} is not finite, or beyond {LARGEST_RESPONSE:g}")
