"""The design check: whether the features of a task have matched roles, without which their differences mean nothing.

Matched roles (one output per feature, the same loss, the same format), independent features, and clean validation and
test sets are the design of Lampinen, Chan & Hermann (2024). These checks, their statistics and their bounds are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from repbias.core.association import association_bound, cramers_v, v_from_phi
from repbias.core.display import Displayed
from repbias.tasks.generated import stimulus_keys
from repbias.tasks.task import SPLITS, UNLABELLED, Finding, Manipulation, Split, Task

_Splits = dict[str, Split]
_DECLARED = ", declared: the training set is manipulated"


@dataclass(frozen=True, repr=False)
class DesignCheck(Displayed):
    """The findings of `check_design`; it displays those that did not pass."""

    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether every row passed."""
        return all(finding.passed for finding in self.findings)

    def table(self) -> pd.DataFrame:
        """Return one row per finding: check, feature, split, value, bound, passed, note."""
        return pd.DataFrame([asdict(finding) for finding in self.findings])

    def _display(self) -> tuple[str, pd.DataFrame]:
        failed = [finding for finding in self.findings if not finding.passed]
        title = f"design check: {len(self.findings) - len(failed)} of {len(self.findings)} checks passed"
        return title, pd.DataFrame([asdict(finding) for finding in failed]).drop(columns="passed", errors="ignore")

    def failures(self) -> str:
        """Return the rows that failed, one per line; empty where all passed."""
        return "\n".join(finding.line() for finding in self.findings if not finding.passed)


def check_design(task: Task, seed: int = 0, alpha: float = 0.001) -> DesignCheck:
    """Check that the features of a task differ in nothing but what is declared.

    Each row has a value that must not exceed its bound:

    - `equal outputs`: how many different numbers of classes the features have; 1.
    - `equal loss weight`: the largest minus the smallest share of training items for which a feature is labelled; 0.
    - `labelled`: how far the share of items for which a feature is labelled lies from the declared one; 1 / n.
    - `label balance`: the largest difference between a class's share and the declared one (in validation and test: the
      same for all classes); the normal quantile times sqrt(p (1 - p) / n).
    - `independence`: Cramer's V of two features (|phi| for binary ones) over the items for which both are labelled;
      sqrt(chi-square quantile / (n (k - 1))), k being the smaller number of classes. Only pairs are
      checked: a dependence of three features that are pairwise independent goes unnoticed.
    - `foreign bits`: the largest V of a feature with one bit that it does not depend on; the same bound. Only where
      inputs are bits and the task has `positions`.
    - `overlap`: how many stimuli of the later split occur in the earlier one; 0.
    - the rows of `task.leakage`: for strings `token counts`, `bag of tokens`, `bigrams`, `token positions` and
      `own span`; for images `other factors`, `place` and `painted area`; for arrays `linearly readable`.

    A declared manipulation of the training split passes, and the note of its row mentions it.

    Real data (`ArrayTask`) rarely pass, because their features are correlated or unbalanced. Nothing is refused for
    that; report the rows that fail, and interpret differences between such features with caution.

    Parameters
    ----------
    task : any task.
    seed : the seed whose stimuli are checked.
    alpha : the chance that a sound design fails `label balance`, the same for `independence` and for `foreign bits`.
        Each is divided by its number of comparisons (Bonferroni). The quantiles are asymptotic: with fewer than some
        hundred stimuli per split, interpret a narrow failure with caution.

    Returns
    -------
    The rows; `passed` says whether all of them pass, and `failures()` lists those that fail.

    Examples
    --------
    >>> import repbias
    >>> task = repbias.BooleanTask(features={"easy": "copy", "hard": "parity3"}, train=512, validation=256, test=256)
    >>> repbias.check_design(task).passed
    True

    Raises
    ------
    ValueError : labels are not classes 0 ... n_classes - 1 or -1, or alpha does not lie between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is a probability between 0 and 1, got {alpha}")
    stimuli = task.stimuli(seed)
    splits = {name: stimuli.split(name) for name in SPLITS}
    _refuse_other_labels(task, splits)
    findings = [
        _equal_outputs(task),
        _equal_loss_weight(task, splits["train"]),
        *_labelled(task, splits),
        *_label_balance(task, splits, alpha),
        *_independence(task, splits, alpha),
        *_foreign_bits(task, splits, alpha),
        *_overlap(task, splits),
        *task.leakage(splits, alpha),
    ]
    return DesignCheck(tuple(findings))


def _refuse_other_labels(task: Task, splits: _Splits) -> None:
    for name, split in splits.items():
        expected = (len(split.inputs), len(task.feature_names))
        if split.labels.shape != expected:
            raise ValueError(f"labels of {name} are [stimulus, feature] = {expected}, got {split.labels.shape}")
        for feature, classes, labels in zip(task.feature_names, task.n_classes, split.labels.T, strict=True):
            if labels.min() < UNLABELLED or labels.max() >= classes:
                raise ValueError(
                    f"labels of {feature!r} in {name} are 0 to {classes - 1}, or {UNLABELLED} where it has none; "
                    f"got {labels.min()} to {labels.max()}"
                )


def _declared(task: Task, feature: str, classes: int, split: str) -> Manipulation:
    clean = Manipulation((1 / classes,) * classes)
    return task.manipulations.get(feature, clean) if split == "train" else clean


def _equal_outputs(task: Task) -> Finding:
    counts = sorted(set(task.n_classes))
    note = "" if len(counts) == 1 else f"numbers of classes: {', '.join(map(str, counts))}; give all the same number"
    return Finding.of("equal outputs", "all", "all", len(counts), 1, note)


def _equal_loss_weight(task: Task, train: Split) -> Finding:
    labelled = (train.labels != UNLABELLED).mean(axis=0)
    spread = labelled.max() - labelled.min()
    declared = [name for name, manipulation in task.manipulations.items() if manipulation.labelled != 1]
    if declared:
        note = f"declared: the training set is manipulated, {', '.join(declared)} labelled less often"
        return Finding.of("equal loss weight", "all", "train", spread, 1, note)
    note = "" if spread == 0 else "some features are labelled less often, and the task does not declare it"
    return Finding.of("equal loss weight", "all", "train", spread, 0, note)


def _labelled(task: Task, splits: _Splits) -> Iterator[Finding]:
    for name, split in splits.items():
        shares = (split.labels != UNLABELLED).mean(axis=0)
        for feature, classes, share in zip(task.feature_names, task.n_classes, shares, strict=True):
            wanted = _declared(task, feature, classes, name).labelled
            note = f"labelled in {share:.4g} of the items{_DECLARED if wanted != 1 else ''}"
            yield Finding.of("labelled", feature, name, abs(share - wanted), 1 / len(split), note)


def _label_balance(task: Task, splits: _Splits, alpha: float) -> Iterator[Finding]:
    comparisons = len(splits) * sum(classes if classes > 2 else 1 for classes in task.n_classes)
    quantile = norm.isf(alpha / comparisons / 2)
    for name, split in splits.items():
        for feature, classes, column in zip(task.feature_names, task.n_classes, split.labels.T, strict=True):
            wanted = np.array(_declared(task, feature, classes, name).class_shares)
            counts = np.bincount(column[column != UNLABELLED], minlength=classes)
            n = max(counts.sum(), 1)
            bound = max(quantile * np.sqrt(wanted * (1 - wanted) / n).max(), 1 / n)
            note = f"class shares {', '.join(f'{share:.4g}' for share in counts / n)}"
            note += _DECLARED if name == "train" and feature in task.manipulations else ""
            yield Finding.of("label balance", feature, name, np.abs(counts / n - wanted).max(), bound, note)


def _independence(task: Task, splits: _Splits, alpha: float) -> Iterator[Finding]:
    pairs = list(combinations(range(len(task.feature_names)), 2))
    level = alpha / max(len(pairs) * len(splits), 1)
    for name, split in splits.items():
        for first, second in pairs:
            columns = split.labels[:, [first, second]]
            columns = columns[(columns != UNLABELLED).all(axis=1)]
            classes = task.n_classes[first], task.n_classes[second]
            value = cramers_v(columns[:, 0], columns[:, 1])
            bound = association_bound(len(columns), classes, level)
            names = task.feature_names[first], task.feature_names[second]
            note = f"over {len(columns)} items with a label for both"
            share = task.agreements.get(frozenset(names)) if name == "train" else None
            if share is not None:
                value, bound = abs(float(np.mean(columns[:, 0] == columns[:, 1])) - share), 2 / max(len(columns), 1)
                note = f"declared to agree in {share:g} of the items: the training set is manipulated"
            yield Finding.of("independence", ", ".join(names), name, value, bound, note)


def _foreign_bits(task: Task, splits: _Splits, alpha: float) -> Iterable[Finding]:
    positions = task.positions()
    if not positions or len(task.input_shape) != 1 or any(split.inputs.max() > 1 for split in splits.values()):
        return
    bits = range(task.input_shape[0])
    foreign = {feature: [bit for bit in bits if bit not in positions[feature]] for feature in task.feature_names}
    for first, second in task.agreements:  # the bits of one are associated with the other, as declared
        foreign[first] = [bit for bit in foreign[first] if bit not in positions[second]]
        foreign[second] = [bit for bit in foreign[second] if bit not in positions[first]]
    level = alpha / max(len(splits) * sum(map(len, foreign.values())), 1)
    for name, split in splits.items():
        for i, (feature, classes) in enumerate(zip(task.feature_names, task.n_classes, strict=True)):
            if not foreign[feature]:
                continue
            labelled = split.labels[:, i] != UNLABELLED
            values = _bit_associations(split.labels[labelled, i], split.inputs[labelled][:, foreign[feature]], classes)
            strongest = int(values.argmax())
            bound = association_bound(int(labelled.sum()), (classes, 2), level)
            note = f"strongest: bit {foreign[feature][strongest]}"
            if values[strongest] > bound:
                note += "; in a small space too few stimuli keep the splits apart: use more bits, or fewer stimuli"
            yield Finding.of("foreign bits", feature, name, values[strongest], bound, note)


def _bit_associations(labels: NDArray[np.int64], bits: NDArray[np.generic], classes: int) -> NDArray[np.float64]:
    # For a bit, chi2 / n is the share of its variance that lies between the classes.
    counts = np.bincount(labels, minlength=classes)
    sums = np.stack([bits[labels == c].sum(axis=0, dtype=np.int64) for c in range(classes)])
    means = sums / np.maximum(counts, 1)[:, None]
    overall = sums.sum(axis=0) / max(counts.sum(), 1)
    between = counts @ (means - overall) ** 2 / max(counts.sum(), 1)
    variance = overall * (1 - overall)
    phi_squared = np.divide(between, variance, out=np.zeros_like(between), where=variance > 0)
    return v_from_phi(phi_squared, len(labels), (classes, 2))


def _overlap(task: Task, splits: _Splits) -> Iterator[Finding]:
    keys = {name: stimulus_keys(task.content(split.inputs)) for name, split in splits.items()}
    total = sum(map(len, keys.values()))
    for earlier, later in combinations(splits, 2):
        known = set(keys[earlier])
        shared = sum(key in known for key in keys[later])
        note = ""
        if shared:
            note = (
                f"{total} stimuli are drawn, too many for so small a space: use more bits, or fewer stimuli"
                if task.is_controlled
                else "the same stimulus is in both splits: leave duplicates out, or give them one group"
            )
        yield Finding.of("overlap", "all", f"{earlier}, {later}", shared, 0, note)
