"""Audit simulated recordings whose truth is known: does the audit say what was put in?

Poisson spike counts of two areas over eight sessions, with drift from session to session. Of the features of each
trial, V4 shouts the contrast, whispers the category, and holds nothing of the sound; of reward and choice, which mostly
go together, it holds the choice alone. IT holds the category loudest. Prints the audit's sentences beside the truth and
exits with status 1 where they part.

    python examples/recordings.py [page.html]
"""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt
import pandas as pd

from repbias.auditing.arrays import audit_arrays
from repbias.auditing.result import AuditReport
from repbias.randomness import rng

SESSIONS, TRIALS = 8, 150
UNITS = {"V4": 60, "IT": 50}
# How far a feature moves a unit's rate, on average, as a share of what the unit fires anyway.
STRENGTH = {
    "V4": {"contrast": 0.45, "category": 0.06, "sound": 0.0, "choice": 0.16, "reward": 0.0},
    "IT": {"contrast": 0.06, "category": 0.45, "sound": 0.0, "choice": 0.16, "reward": 0.0},
}
CLASSES = {"contrast": 2, "category": 3, "sound": 2, "choice": 2}
TOGETHER = 0.85  # the share of trials on which reward and choice agree
MEAN_COUNT = 8.0  # spikes in a trial


def trials() -> pd.DataFrame:
    """The labels and the session of each trial."""
    random = rng(0, "recordings", "trials")
    count = SESSIONS * TRIALS
    labels = {name: random.integers(0, classes, count) for name, classes in CLASSES.items()}
    agree = random.random(count) < TOGETHER
    labels["reward"] = np.where(agree, labels["choice"], 1 - labels["choice"])
    return pd.DataFrame({**labels, "session": np.repeat(np.arange(SESSIONS), TRIALS)})


def rates(area: str, labels: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The expected counts `[trial, unit]`: each unit's own, times what features and session do to it."""
    random = rng(0, "recordings", "tuning", area)
    units = UNITS[area]
    tuning = 1 + 0.04 * random.normal(size=(SESSIONS, units))[labels["session"]]
    for feature, strength in STRENGTH[area].items():
        classes = int(labels[feature].max()) + 1
        preference = random.normal(size=(classes, units))
        tuning = tuning + strength * (preference - preference.mean(axis=0))[labels[feature]]
    own = MEAN_COUNT * random.gamma(4.0, 0.25, size=units)
    return own * np.clip(tuning, 0.05, None)


def true_share(expected: npt.NDArray[np.float64], labels: pd.Series) -> float:
    """The share of the counts' variance, Poisson noise included, that the class means of one feature explain."""
    means = pd.DataFrame(expected).groupby(labels.to_numpy()).transform("mean")
    return float(means.var(ddof=0).sum() / (expected.var(axis=0) + expected.mean(axis=0)).sum())


def misses(report: AuditReport, truth: dict[tuple[str, str], float]) -> list[str]:
    """Where the audit's numbers part from the truth, one a line; none where it is right."""
    cells = {(row["layer"], row["feature"], row["measure"]): row for row in report.results.to_dict("records")}
    found = []
    for (area, feature), share in truth.items():
        r2 = cells[area, feature, "r2"]
        # Of ten intervals of 95 % one may well miss by chance, so the bound is half as wide again.
        if not abs(r2["value"] - share) <= 1.5 * max(r2["ci_high"] - r2["value"], r2["value"] - r2["ci_low"]):
            found.append(f"{area}: {feature} explains {share:.3f}, the audit says {r2['value']:.3f}")
    for area, loud, quiet in (("V4", "contrast", "category"), ("IT", "category", "contrast")):
        if max((cells[area, name, "r2"]["value"], name) for name in report.features)[1] != loud:
            found.append(f"{area}: {loud} is the loudest")
        quiet_r2, decoded = cells[area, quiet, "r2"], cells[area, quiet, "decodability"]
        if not (quiet_r2["value"] < 0.2 * cells[area, loud, "r2"]["value"] and decoded["p_holm"] <= 0.05):
            found.append(f"{area}: {quiet} is whispered, there and quiet")
        if min(cells[area, "sound", measure]["p"] for measure in ("r2", "decodability")) <= 0.01:
            found.append(f"{area}: there is nothing of the sound")
        choice, reward = cells[area, "choice", "r2_unique"], cells[area, "reward", "r2_unique"]
        if not (choice["ci_low"] > 0 and reward["value"] < 0.2 * choice["value"]):
            found.append(f"{area}: what choice and reward share is the choice’s")
    return found


def main() -> int:
    """Simulate, audit, print beside the truth, and say whether they agree: 0 where they do."""
    table = trials()
    expected = {area: rates(area, table) for area in UNITS}
    counts = {area: rng(0, "recordings", "counts", area).poisson(of_area) for area, of_area in expected.items()}
    names = list(STRENGTH["V4"])
    report = audit_arrays(counts, table[names], groups=table["session"].to_numpy())
    truth = {(area, name): true_share(expected[area], table[name]) for area in UNITS for name in names}
    r2 = report.results[report.results["measure"] == "r2"].set_index(["layer", "feature"])
    print("area  feature    true R2  audited R2  95 % interval")
    for (area, name), share in truth.items():
        row = r2.loc[(area, name)]
        print(f"{area:5} {name:10} {share:7.3f}  {row['value']:10.3f}  [{row['ci_low']:.3f}, {row['ci_high']:.3f}]")
    print(
        "\nPut in: V4 shouts the contrast and whispers the category, IT the other way round; neither holds the sound;"
    )
    print("both hold the choice, and of the reward only what goes along with the choice. The audit says:\n")
    print(*(f"- {sentence}" for sentence in report.sentences), sep="\n")
    if len(sys.argv) > 1:
        report.save(sys.argv[1])
        print(f"\npage: {sys.argv[1]}")
    wrong = misses(report, truth)
    print("\nThe audit misses the truth:" if wrong else "\nThe audit agrees with the truth.", *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
