"""The report of an audit: tables of numbers, conclusions from them, and notes on how the data were treated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import pandas as pd

from repbias.audit.findings import LayerFindings
from repbias.audit.inputs import Stimuli
from repbias.audit.sentences import conclusions
from repbias.audit.status import Sentence, listed, statuses
from repbias.core.display import Displayed, Sparkline
from repbias.core.results import EXPLAINED, HasPage
from repbias.core.statistics import holm

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from repbias.figures.figure import Figure
    from repbias.figures.style import Style

MOST_LAYERS = 5  # that the title of the display names
AuditFigureKind = Literal["plane", "shares", "components", "similarity", "layers", "units"]
RESULT_COLUMNS = ("layer", "feature", "measure", "value", "ci_low", "ci_high", "n", "p", "p_holm")
UNIT_COLUMNS = ("layer", "unit", "feature", "r2", "r2_unbiased")
COMPONENT_COLUMNS = ("layer", "feature", "component", "share", "r2", "r2_unbiased")


@dataclass(frozen=True, eq=False, repr=False)
class AuditReport(HasPage, Displayed):
    """How much of each layer's variance every feature explains, how well it can be decoded, and what follows.

    `table()` gives the numbers, `statuses()` the status of each feature in each layer, `sentences` the conclusions, and
    `save_html(path)` writes all of it, with figures, as one page.

    Examples
    --------
    >>> import numpy as np, repbias
    >>> rng = np.random.default_rng(0)
    >>> colour, shape = rng.integers(0, 2, (2, 300))
    >>> signal = np.outer(colour, rng.normal(size=20)) + 0.3 * np.outer(shape, rng.normal(size=20))
    >>> activity = {"IT": signal + rng.normal(size=(300, 20))}
    >>> labels = dict(colour=colour, shape=shape)
    >>> report = repbias.audit_arrays(activity, labels, resamples=100, permutations=50, progress=False)
    >>> report.table().columns.tolist()
    ['layer', 'feature', 'measure', 'value', 'ci_low', 'ci_high', 'n', 'p', 'p_holm']
    """

    layers: tuple[str, ...]
    """The names of the layers."""

    features: tuple[str, ...]
    """The names of the features."""

    classes: dict[str, tuple[str, ...]]
    """The classes of each feature as text, sorted."""

    n_stimuli: int
    """Number of stimuli that were audited, without those dropped for a missing label."""

    n_units: dict[str, int]
    """Number of units of each layer, constant ones included."""

    results: pd.DataFrame
    """One row for each layer, feature and measure: `value`, its 95 % interval (`ci_low`, `ci_high`), the number of
    stimuli `n`, the `p` of its test, and `p_holm`, which is p after Holm's correction over features and layers; NaN
    where a measure has none. Measures of all features together, such as the noise ceiling, have the feature `(all)`."""

    units: pd.DataFrame
    """R2 of each unit by each feature: the columns layer, unit, feature, r2, r2_unbiased; may be negative."""

    components: pd.DataFrame
    """The leading principal components: the columns layer, feature, component (from 0), share (of the variance), r2,
    r2_unbiased."""

    sentences: tuple[Sentence, ...]
    """The conclusions that the audit allows, and their limits: ``print(*report.sentences, sep="\\n")``."""

    notes: tuple[str, ...]
    """How stimuli, labels and layers were treated, with counts."""

    settings: dict[str, Any]
    """The settings of the audit."""

    def _display(self) -> tuple[str, pd.DataFrame]:
        where = listed(self.layers) if len(self.layers) <= MOST_LAYERS else f"{len(self.layers)} layers"
        title = f"Audit of {self.n_stimuli:,} stimuli in {where}"
        r2 = self.results[self.results["measure"] == EXPLAINED]
        status = self.statuses().set_index(["feature", "layer"])["status"]
        rows: list[dict[str, object]] = []
        for feature in self.features:
            layers = r2[r2["feature"] == feature]
            most = layers.iloc[int(layers["value"].to_numpy().argmax())]
            shown = {
                "feature": feature,
                "largest R2 [95 %]": f"{most['value']:.3f} [{most['ci_low']:.3f}, {most['ci_high']:.3f}]",
                "in layer": most["layer"],
                "status there": status[feature, most["layer"]],
            }
            rows.append(shown | ({"R2 by layer": Sparkline(tuple(layers["value"]))} if len(layers) > 1 else {}))
        return title, pd.DataFrame(rows)

    @overload
    def plot(self, kind: Literal["plane"], *, layer: str | None = None, ax: Axes, style: Style = "repbias") -> Axes: ...
    @overload
    def plot(
        self, kind: Literal["layers", "units"], *, layer: str | None = None, ax: Axes | None = None,
        style: Style = "repbias",
    ) -> Axes: ...  # fmt: skip
    @overload
    def plot(
        self, kind: Literal["plane", "shares", "components", "similarity"] = "plane", *, style: Style = "repbias"
    ) -> Figure: ...
    def plot(
        self, kind: AuditFigureKind = "plane", *, layer: str | None = None, ax: Axes | None = None,
        style: Style = "repbias",
    ) -> Figure | Axes:  # fmt: skip
        """Draw a figure of the audit's page, or one panel.

        Parameters
        ----------
        kind : "plane" (variance explained against decodability), "shares" (variance explained in all, unique and
            shared), "components" (what the leading principal components show), "similarity" (RSA, CKA and R2 of each
            feature before and after all shares are made equal), "layers" (variance explained from layer to layer), or
            "units" (of each unit of one layer).
        layer : the layer of "units", and of "plane" where `ax` is given; by default the last.
        ax : axes for "plane", "layers" or "units". "plane" without axes has a panel for each layer.
        style : "repbias", or "user" for the fonts, sizes and colours of your rcParams.

        Returns
        -------
        The axes, or a `Figure` of several panels with caption and numbers; ``figure.save("plane.pdf")`` writes it.

        Raises
        ------
        ValueError : an unknown kind, layer or style; axes for a figure of several panels; or a kind that this audit did
            not measure.
        """
        from repbias.audit.plots import plot_audit  # it imports Matplotlib, which auditing does not need

        return plot_audit(self, kind, layer, ax, style)

    def table(self) -> pd.DataFrame:
        """Return a copy of `results`."""
        return self.results.copy()

    def statuses(self) -> pd.DataFrame:
        """Return the status of each feature in each layer: the columns layer, feature, status.

        The status is "dominant", "tied", "detected", "weak but decodable", "not detected" or "inconclusive"; see
        `repbias.audit.status.status_of` for the rule.
        """
        return statuses(self.results)


def make_report(
    found: Mapping[str, LayerFindings],
    stimuli: Stimuli,
    n_units: Mapping[str, int],
    notes: Sequence[str],
    settings: Mapping[str, Any],
) -> AuditReport:
    """Return the report of an audit from what was found in each layer."""
    rows = _stacked({layer: one.rows for layer, one in found.items()}, (*RESULT_COLUMNS[1:6], "p"))
    results = corrected(rows, stimuli.n_stimuli)
    components = _stacked({layer: one.components for layer, one in found.items()}, COMPONENT_COLUMNS[1:])
    return AuditReport(
        layers=tuple(found),
        features=tuple(stimuli.features),
        classes={name: values.classes for name, values in stimuli.features.items()},
        n_stimuli=stimuli.n_stimuli,
        n_units=dict(n_units),
        results=results,
        units=_stacked({layer: one.units for layer, one in found.items()}, UNIT_COLUMNS[1:]),
        components=components,
        sentences=conclusions(
            results,
            components,
            {layer: one.shared for layer, one in found.items()},
            {layer: one.equalised for layer, one in found.items()},
        ),
        notes=tuple(notes),
        settings=dict(settings),
    )


def corrected(results: pd.DataFrame, n_stimuli: int) -> pd.DataFrame:
    """Return rows of results as `AuditReport` has them, the p values of each measure corrected by Holm's rule."""
    results = results.assign(n=n_stimuli, p_holm=np.nan)
    for _, tests in results.groupby("measure"):
        results.loc[tests.index, "p_holm"] = holm(tests["p"].to_numpy(dtype=float))
    return results[list(RESULT_COLUMNS)]


def _stacked(rows: Mapping[str, Sequence[Sequence[Any]]], columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows of all layers as one table, the name of the layer first."""
    return pd.DataFrame([(layer, *row) for layer, some in rows.items() for row in some], columns=["layer", *columns])
