"""Audit simulated recordings whose truth is known: does the audit say what was put in?

Poisson spike counts of two areas: 48 stimuli, each shown three times in each of eight sessions, with drift from session
to session. V4 shouts the contrast of a stimulus, whispers its category, and holds nothing of its sound; IT holds the
category loudest; in both each stimulus has a little of its own. Choice and reward differ from trial to trial and mostly
go together; of these both areas hold the choice alone. Prints the audit's sentences beside the truth and exits with
status 1 where they part.

    python examples/recordings.py [page.html]
"""

from __future__ import annotations

import sys
from itertools import product

import numpy as np
import numpy.typing as npt
import pandas as pd

from repbias.audit.arrays import audit_arrays
from repbias.audit.report import AuditReport
from repbias.core.randomness import rng

SESSIONS, SHOWN = 8, 3
CLASSES = {"contrast": 2, "category": 3, "sound": 2}  # of the stimulus, fully crossed
EXEMPLARS = 4  # stimuli of each combination of classes
UNITS = {"V4": 60, "IT": 50}
# How far a feature moves a unit's rate, on average, as a share of what the unit fires anyway.
STRENGTH = {
    "V4": {"contrast": 0.45, "category": 0.06, "sound": 0.0, "choice": 0.16, "reward": 0.0},
    "IT": {"contrast": 0.06, "category": 0.45, "sound": 0.0, "choice": 0.16, "reward": 0.0},
}
OWN = 0.05  # the same of what is a stimulus's own
TOGETHER = 0.85  # the share of trials on which reward and choice agree
MEAN_COUNT = 8.0  # spikes in a trial
RSA = ("rsa", "rsa_equalised")  # before and after shares are made equal


def trials() -> pd.DataFrame:
    """The labels, the stimulus and the session of each trial."""
    random = rng(0, "recordings", "trials")
    stimuli = pd.DataFrame(
        list(product(*map(range, CLASSES.values()), range(EXEMPLARS))), columns=[*CLASSES, "exemplar"]
    )
    stimuli["stimulus"] = stimuli.index
    table = (
        stimuli.drop(columns="exemplar").loc[np.tile(np.repeat(stimuli.index, SHOWN), SESSIONS)].reset_index(drop=True)
    )
    table["session"] = np.repeat(np.arange(SESSIONS), len(stimuli) * SHOWN)
    table["choice"] = random.integers(0, 2, len(table))
    agree = random.random(len(table)) < TOGETHER
    table["reward"] = np.where(agree, table["choice"], 1 - table["choice"])
    return table


def rates(area: str, labels: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The expected counts `[trial, unit]`: each unit's own, times what stimulus, trial and session do to it."""
    random = rng(0, "recordings", "tuning", area)
    units = UNITS[area]
    tuning = 1 + 0.04 * random.normal(size=(SESSIONS, units))[labels["session"]]
    tuning += OWN * random.normal(size=(labels["stimulus"].nunique(), units))[labels["stimulus"]]
    for feature, strength in STRENGTH[area].items():
        preference = random.normal(size=(int(labels[feature].max()) + 1, units))
        tuning += strength * (preference - preference.mean(axis=0))[labels[feature]]
    own = MEAN_COUNT * random.gamma(4.0, 0.25, size=units)
    return own * np.clip(tuning, 0.05, None)


def true_share(expected: npt.NDArray[np.float64], part: npt.NDArray[np.float64]) -> float:
    """The share of the counts' variance, Poisson noise included, that a part of the expected counts has."""
    return float(part.var(axis=0).sum() / (expected.var(axis=0) + expected.mean(axis=0)).sum())


def class_means(expected: npt.NDArray[np.float64], labels: pd.Series) -> npt.NDArray[np.float64]:
    """The part of the expected counts that one feature explains, `[trial, unit]`."""
    return pd.DataFrame(expected).groupby(labels.to_numpy()).transform("mean").to_numpy()


def misses(report: AuditReport, truth: dict[tuple[str, str, str], float]) -> list[str]:
    """Where the audit's numbers part from the truth, one a line; none where it is right."""
    cells = {(row["layer"], row["feature"], row["measure"]): row for row in report.results.to_dict("records")}
    found = []
    for (area, feature, measure), share in truth.items():
        row = cells[area, feature, measure]
        # Of twelve intervals of 95 % one may well miss by chance, so the bound is half as wide again.
        if not abs(row["value"] - share) <= 1.5 * max(row["ci_high"] - row["value"], row["value"] - row["ci_low"]):
            found.append(f"{area}: {measure} of {feature} is {share:.3f}, the audit says {row['value']:.3f}")
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
        scores = {name: [cells[area, name, measure]["value"] for measure in RSA] for name in (loud, quiet)}
        if not (scores[loud][0] > 10 * scores[quiet][0] and scores[loud][1] < 3 * scores[quiet][1]):
            found.append(f"{area}: RSA is all about {loud} before shares are made equal, and much less so after")
    return found


def main() -> int:
    """Simulate, audit, print beside the truth, and say whether they agree: 0 where they do."""
    table = trials()
    expected = {area: rates(area, table) for area in UNITS}
    counts = {area: rng(0, "recordings", "counts", area).poisson(of_area) for area, of_area in expected.items()}
    names = list(STRENGTH["V4"])
    report = audit_arrays(
        counts, table[names], groups=table["session"].to_numpy(), repeats=table["stimulus"].to_numpy()
    )
    truth = {}
    for area, of_area in expected.items():
        for name in names:
            truth[area, name, "r2"] = true_share(of_area, class_means(of_area, table[name]))
        truth[area, "(all)", "noise_ceiling"] = true_share(of_area, class_means(of_area, table["stimulus"]))
    cells = {(row["layer"], row["feature"], row["measure"]): row for row in report.results.to_dict("records")}
    print("area  feature    measure           true  audited  95 % interval")
    for (area, name, measure), share in truth.items():
        row = cells[area, name, measure]
        interval = f"[{row['ci_low']:.3f}, {row['ci_high']:.3f}]"
        print(f"{area:5} {name:10} {measure:13} {share:8.3f} {row['value']:8.3f}  {interval}")
    print(
        "\nPut in: V4 shouts the contrast and whispers the category, IT the other way round; neither holds the sound;"
    )
    print("both hold the choice, and of the reward only what goes along with the choice. The audit says:\n")
    print(*(f"- {sentence}" for sentence in report.sentences), sep="\n")
    if len(sys.argv) > 1:
        report.save_html(sys.argv[1])
        print(f"\npage: {sys.argv[1]}")
    wrong = misses(report, truth)
    print("\nThe audit misses the truth:" if wrong else "\nThe audit agrees with the truth.", *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
