"""The outcome on which the effect of an edit is measured: what a model reports, or, without `predict`, its output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from repbias.activations.axes import Axes
from repbias.activations.batches import Batch
from repbias.activations.layout import Layout, Pool
from repbias.activations.outputs import all_tensors, find_part
from repbias.activations.survey import OUTPUT, WHOLE, survey
from repbias.audit.inputs import Stimuli
from repbias.core.arrays import FloatArray, IntArray
from repbias.core.specs import did_you_mean
from repbias.measures.interventions.site import Predict, refuse_fractions

TRUTH_VALUES = {"False": "0", "True": "1"}


class Reports:
    """The class that the model reports for each feature.

    Parameters
    ----------
    predict : a function from the output of the model to labels: an array `[stimulus, feature]` of all features in their
        order, or a mapping from the names of reported features to labels `[stimulus]`. Labels are the same numbers or
        the same text as in the features.
    stimuli : the audited stimuli; features that are not classes are never reported.
    """

    def __init__(self, predict: Predict, stimuli: Stimuli) -> None:
        self._predict = predict
        labels = {name: values for name, values in stimuli.features.items() if values.categorical}
        self._others = [name for name in stimuli.features if name not in labels]
        self._classes = {name: of_feature.classes for name, of_feature in labels.items()}
        # A report that is no class of the feature gets a number above those of the classes.
        self._numbers = {name: {text: k for k, text in enumerate(known)} for name, known in self._classes.items()}
        self._correct = {name: np.full(stimuli.n_given, -1) for name in labels}
        for name, of_feature in labels.items():
            self._correct[name][stimuli.kept] = of_feature.numbers
        self.features: tuple[str, ...] = ()
        """The features that the model reports; empty until an output was read."""

    def read(self, output: Any, batch: Batch) -> FloatArray:
        """Return the numbers of the reported classes, `[stimulus, reported feature]`."""
        predicted = self._by_name(self._predict(output), len(batch))
        if not self.features:
            self.features = tuple(predicted)
            for name, reported in predicted.items():
                _refuse_other_classes(name, reported, self._classes[name])
        if tuple(predicted) != self.features:
            raise ValueError(
                f"predict must report the same features in every batch, got {list(predicted)} after others"
            )
        return np.column_stack([self._numbered(name, reported) for name, reported in predicted.items()])

    def depends_on(self, output: Any, batch: Batch) -> Iterator[Tensor]:
        """Yield all tensors of an output, because `predict` may read any of them."""
        return all_tensors(output)

    def correct(self, reports: FloatArray, rows: slice | IntArray) -> FloatArray:
        """Return 1 where a report is correct, else 0, `[stimulus, reported feature]`."""
        labels = np.column_stack([self._correct[name][rows] for name in self.features])
        return (reports == labels).astype(np.float64)

    def lost(self, before: FloatArray, after: FloatArray, rows: slice) -> FloatArray:
        """Return 1 where a correct report became wrong, -1 where a wrong one became correct, else 0, like `correct`."""
        return self.correct(before, rows) - self.correct(after, rows)

    def turned(self, before: FloatArray, after: FloatArray, feature: str, towards: IntArray) -> FloatArray:
        """Return where reports changed, `[stimulus, reported feature]`.

        For the steered feature, 1 where the report changed to the class steered towards, and -1 where it changed from
        that class; for the other features, 1 where the report changed.
        """
        changed = (before != after).astype(np.float64)
        for column, name in enumerate(self.features):
            if name == feature:
                reached = (reports[:, column] == towards for reports in (after, before))
                changed[:, column] = np.subtract(*(one.astype(np.float64) for one in reached))
        return changed

    def _numbered(self, name: str, reported: npt.NDArray[np.object_]) -> FloatArray:
        numbers = self._numbers[name]
        return np.array([numbers.setdefault(text, len(numbers)) for text in reported], dtype=np.float64)

    def _by_name(self, predicted: Any, n: int) -> dict[str, npt.NDArray[np.object_]]:
        if not isinstance(predicted, Mapping):
            values = _as_array(predicted)
            values = values[:, None] if values.ndim == 1 else values
            if values.shape != (n, len(self._classes)):
                raise ValueError(
                    f"predict must return labels [stimulus, feature], here {[n, len(self._classes)]}, got shape "
                    f"{list(values.shape)}: give all features of classes ({', '.join(self._classes)}), or a mapping"
                )
            predicted = dict(zip(self._classes, values.T, strict=True))
        for name, values in predicted.items():
            if name in self._others:
                raise ValueError(
                    f"predict reports {name!r}, which is not a feature of classes: report classes only; without "
                    "predict, interventions measure how far the output of the model changes"
                )
            if name not in self._classes:
                raise ValueError(
                    f"predict reports {name!r}, which is no feature; {did_you_mean(str(name), list(self._classes))}"
                )
            if np.shape(values) != (n,):
                raise ValueError(f"predict must return {n} labels for {name!r}, got shape {tuple(np.shape(values))}")
        if not predicted:
            raise ValueError("predict must report one feature or more, got none: without reports, leave predict out")
        for name, values in predicted.items():
            refuse_fractions(_as_array(values), f"what predict returns for {name!r}")
        return {name: _as_text(_as_array(values), self._classes[name]) for name, values in predicted.items()}


class Outputs:
    """The output of the model, pooled like its layers; changes are squared distances."""

    def __init__(self, model: nn.Module, pool: Pool, axes: Axes | None = None) -> None:
        self._model, self._pool, self._axes = model, pool, axes
        self._layout: Layout | None = None

    def read(self, output: Any, batch: Batch) -> FloatArray:
        """Return the output, `[stimulus, unit]`."""
        tensor = find_part(output, "the model").tensor
        tensor = tensor[:, None] if tensor.ndim == 1 else tensor
        if self._layout is None:
            own = {WHOLE: self._axes[WHOLE]} if isinstance(self._axes, Mapping) and WHOLE in self._axes else None
            self._layout = survey(self._model, batch, [OUTPUT], pool=self._pool, axes=own)[OUTPUT].layout
        if tensor.ndim == 0 or tensor.shape[self._layout.stimulus] != len(batch):
            raise ValueError(f"the model returns shape {tuple(tensor.shape)} for {len(batch)} stimuli")
        return self._layout.read(tensor, batch.mask).double().cpu().numpy()

    def depends_on(self, output: Any, batch: Batch) -> Iterator[Tensor]:
        """Yield the part of an output that is read."""
        yield torch.from_numpy(self.read(output, batch))

    def lost(self, before: FloatArray, after: FloatArray, rows: slice) -> FloatArray:
        """Return the squared distance of the outputs, `[stimulus, 1]`."""
        return np.asarray(((before - after) ** 2).sum(1, keepdims=True))

    def turned(self, before: FloatArray, after: FloatArray, feature: str, towards: IntArray) -> FloatArray:
        """Return the squared distance of the outputs, `[stimulus, 1]`."""
        return self.lost(before, after, slice(None))


Outcome: TypeAlias = Reports | Outputs


def _as_array(values: Any) -> npt.NDArray[Any]:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def _as_text(values: npt.NDArray[Any], classes: tuple[str, ...]) -> npt.NDArray[np.object_]:
    """Return labels as text, written as the classes are."""
    if values.dtype.kind == "b":
        values = values.astype(np.int64)
    found = np.array([str(int(v)) if isinstance(v, int | float | np.number) else str(v) for v in values], dtype=object)
    if set(classes) <= set(TRUTH_VALUES):
        words = {number: word for word, number in TRUTH_VALUES.items()}
        found = np.array([words.get(text, text) for text in found], dtype=object)
    return found


def _refuse_other_classes(name: str, reported: npt.NDArray[np.object_], classes: tuple[str, ...]) -> None:
    if not set(reported) & set(classes):
        raise ValueError(
            f"predict reports {', '.join(sorted(map(repr, set(reported)))[:5])} for {name!r}, none of them one of its "
            f"classes: {', '.join(map(repr, classes[:10]))}; return labels as they are in features"
        )
