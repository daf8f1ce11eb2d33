"""Audit simulated recordings whose truth is known, and check that the audit recovers it.

Poisson spike counts of two areas: 48 stimuli, each shown three times in each of eight sessions, with drift from session
to session. In V4 the contrast of a stimulus is dominant, its category is weak but decodable, and its sound is absent;
in IT the category is dominant; both areas also distinguish the single stimuli a little. Choice and reward differ from
trial to trial and mostly agree; of these two, both areas represent only the choice. Prints the conclusions of the audit
beside the truth, and exits with status 1 where they differ.

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
# How far a feature changes the rate of a unit, on average, as a share of its mean rate.
STRENGTH = {
    "V4": {"contrast": 0.45, "category": 0.06, "sound": 0.0, "choice": 0.16, "reward": 0.0},
    "IT": {"contrast": 0.06, "category": 0.45, "sound": 0.0, "choice": 0.16, "reward": 0.0},
}
EXEMPLAR = 0.05  # the same for what distinguishes the exemplars of a class
AGREEMENT = 0.85  # the share of trials on which reward and choice agree
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
    agree = random.random(len(table)) < AGREEMENT
    table["reward"] = np.where(agree, table["choice"], 1 - table["choice"])
    return table


def rates(area: str, labels: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The expected counts `[trial, unit]`: the mean of each unit times the effects of stimulus, trial and session."""
    random = rng(0, "recordings", "tuning", area)
    units = UNITS[area]
    tuning = 1 + 0.04 * random.normal(size=(SESSIONS, units))[labels["session"]]
    tuning += EXEMPLAR * random.normal(size=(labels["stimulus"].nunique(), units))[labels["stimulus"]]
    for feature, strength in STRENGTH[area].items():
        preference = random.normal(size=(int(labels[feature].max()) + 1, units))
        tuning += strength * (preference - preference.mean(axis=0))[labels[feature]]
    mean = MEAN_COUNT * random.gamma(4.0, 0.25, size=units)
    return mean * np.clip(tuning, 0.05, None)


def true_share(expected: npt.NDArray[np.float64], part: npt.NDArray[np.float64]) -> float:
    """The share of the counts' variance, Poisson noise included, that a part of the expected counts has."""
    return float(part.var(axis=0).sum() / (expected.var(axis=0) + expected.mean(axis=0)).sum())


def class_means(expected: npt.NDArray[np.float64], labels: pd.Series) -> npt.NDArray[np.float64]:
    """The part of the expected counts that one feature explains, `[trial, unit]`."""
    return pd.DataFrame(expected).groupby(labels.to_numpy()).transform("mean").to_numpy()


def misses(report: AuditReport, truth: dict[tuple[str, str, str], float]) -> list[str]:
    """Return where the numbers of the audit differ from the truth, one text each; none where it is right."""
    cells = {(row["layer"], row["feature"], row["measure"]): row for row in report.results.to_dict("records")}
    found = []
    for (area, feature, measure), share in truth.items():
        row = cells[area, feature, measure]
        # Of twelve intervals of 95 % one may well miss by chance, so the bound is half as wide again.
        if not abs(row["value"] - share) <= 1.5 * max(row["ci_high"] - row["value"], row["value"] - row["ci_low"]):
            found.append(f"{area}: {measure} of {feature} is {share:.3f}, the audit reports {row['value']:.3f}")
    for area, strong, weak in (("V4", "contrast", "category"), ("IT", "category", "contrast")):
        if max((cells[area, name, "r2_unbiased"]["value"], name) for name in report.features)[1] != strong:
            found.append(f"{area}: {strong} explains the most")
        weak_r2, decoded = cells[area, weak, "r2_unbiased"], cells[area, weak, "decodability"]
        if not (weak_r2["value"] < 0.2 * cells[area, strong, "r2_unbiased"]["value"] and decoded["p_holm"] <= 0.05):
            found.append(f"{area}: {weak} is weak but decodable")
        if min(cells[area, "sound", measure]["p"] for measure in ("r2_unbiased", "decodability")) <= 0.01:
            found.append(f"{area}: the sound is absent")
        choice, reward = cells[area, "choice", "r2_unique"], cells[area, "reward", "r2_unique"]
        if not (choice["ci_low"] > 0 and reward["value"] < 0.2 * choice["value"]):
            found.append(f"{area}: of choice and reward, only the choice is represented")
        scores = {name: [cells[area, name, measure]["value"] for measure in RSA] for name in (strong, weak)}
        if not (scores[strong][0] > 10 * scores[weak][0] and scores[strong][1] < 3 * scores[weak][1]):
            found.append(f"{area}: RSA reflects {strong} before shares are made equal, and much less so after")
    return found


def main() -> int:
    """Simulate, audit, print the results beside the truth, and return 0 where they agree, else 1."""
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
            truth[area, name, "r2_unbiased"] = true_share(of_area, class_means(of_area, table[name]))
        truth[area, "(all)", "noise_ceiling"] = true_share(of_area, class_means(of_area, table["stimulus"]))
    cells = {(row["layer"], row["feature"], row["measure"]): row for row in report.results.to_dict("records")}
    print("area  feature    measure           true  audited  95 % interval")
    for (area, name, measure), share in truth.items():
        row = cells[area, name, measure]
        interval = f"[{row['ci_low']:.3f}, {row['ci_high']:.3f}]"
        print(f"{area:5} {name:10} {measure:13} {share:8.3f} {row['value']:8.3f}  {interval}")
    print("\nSimulated: in V4 the contrast is dominant and the category weak, in IT the other way round; the sound is")
    print(
        "absent; both represent the choice, and the reward only where it agrees with the choice. The audit reports:\n"
    )
    print(*(f"- {sentence}" for sentence in report.sentences), sep="\n")
    if len(sys.argv) > 1:
        report.save_html(sys.argv[1])
        print(f"\npage: {sys.argv[1]}")
    wrong = misses(report, truth)
    print("\nThe audit differs from the truth:" if wrong else "\nThe audit agrees with the truth.", *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
