"""An audit in ten seconds: where each feature stands in each layer, and what that means."""

from __future__ import annotations

from repbias.audit.report import AuditReport
from repbias.audit.status import DETECTED, DOMINANT, INCONCLUSIVE, NOT_DETECTED, QUIET_R2, QUIET_RATIO, WEAK
from repbias.audit.wording import listed, short

_MOST_NAMES = 3  # layers that a line names; of more it tells the number
_MEANINGS = {
    DOMINANT: f"it explains more of the layer's variance than any other feature, {short(QUIET_R2, 0)} % or more. An "
    "analysis that follows variance (PCA, clustering, RSA, CKA, regression) shows it before the others.",
    DETECTED: "it is detected, and is neither dominant nor weak.",
    WEAK: f"a linear probe decodes it, yet it explains less than {short(QUIET_R2, 0)} % of the variance, or less "
    f"than {short(QUIET_RATIO, 0)} % of what the loudest does. It is there; an analysis that follows variance hardly "
    "shows it.",
    NOT_DETECTED: "neither the variance nor a linear probe shows it. It may be there below the detectable R2, or in a "
    "form that no linear probe reads.",
    INCONCLUSIVE: "p is at most .05 in one test, but not after Holm's correction for all tests.",
}


def summary(report: AuditReport) -> dict[str, list[tuple[str, str]]]:
    """Where each feature stands in each layer, and by which numbers: by layer, a pair of texts a feature."""
    value = report.results.set_index(["layer", "feature", "measure"])["value"].to_dict()

    def numbers(layer: str, name: str) -> str:
        measures = ("r2_unbiased", "decodability", "chance")
        r2, decoded, chance = (short(value[layer, name, measure]) for measure in measures)
        return f"R² {r2}\u00a0%, decoded {decoded}\u00a0% (chance {chance}\u00a0%)".replace("-", "−")

    cells: dict[str, list[tuple[str, str]]] = {layer: [] for layer in report.layers}
    for row in report.statuses().to_dict("records"):
        cells[row["layer"]].append((row["status"], numbers(row["layer"], row["feature"])))
    return cells


def in_short(report: AuditReport) -> dict[str, str]:
    """Where each feature stands, in words: by feature, such as "shouted in V4; not found in IT"."""
    table = report.statuses()
    said = {}
    for feature in report.features:
        rows = table[table["feature"] == feature]
        parts = []
        for status in _MEANINGS:
            layers = rows.loc[rows["status"] == status, "layer"].tolist()
            if layers:
                parts.append(f"{status}{_where(status, layers, len(report.layers))}")
        said[feature] = "; ".join(parts)
    return said


def meanings(report: AuditReport) -> dict[str, str]:
    """What the words of this audit's table mean, loudest first; words that it does not use are left out."""
    used = set(report.statuses()["status"])
    return {word: meaning for word, meaning in _MEANINGS.items() if word in used}


def _where(status: str, layers: list[str], of: int) -> str:
    if of == 1:
        return ""
    if len(layers) == of and status == NOT_DETECTED:
        return " in any layer"
    if len(layers) == of:
        return " in both layers" if of == 2 else f" in all {of} layers"
    return f" in {listed(layers)}" if len(layers) <= _MOST_NAMES else f" in {len(layers)} of {of} layers"
