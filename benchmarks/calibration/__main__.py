"""`python -m benchmarks.calibration` audits 300 data sets of every design, and writes docs/explanation/calibration.csv.

`--only NAME`, which may be repeated, replaces the rows of some designs. All designs together take about 15 minutes on
two cores. The table is written after every 25 data sets, so that a run that is stopped leaves one of fewer.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor

import pandas as pd
from benchmarks.calibration import TABLE
from benchmarks.calibration.counting import all_truths, outcomes
from benchmarks.calibration.designs import DESIGNS, find_design
from benchmarks.calibration.populations import Truths
from benchmarks.calibration.table import COLUMNS, Outcome, counted, read_table, replaced

DATASETS, PROCESSES, AT_ONCE = 300, 2, 25


def main() -> None:
    """Measure the designs that were asked for."""
    names = [design.name for design in DESIGNS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help="; ".join(names))
    parser.add_argument("--datasets", type=int, default=DATASETS, help="data sets of each design")
    given = parser.parse_args()
    chosen = given.only or names
    before = read_table() if TABLE.exists() else pd.DataFrame(columns=COLUMNS)
    found: dict[str, list[list[Outcome]]] = {name: [] for name in chosen}
    start = time.perf_counter()
    with ProcessPoolExecutor(PROCESSES) as pool:
        truths = dict(zip(chosen, pool.map(_truths, chosen), strict=True))
        rounds = [range(first, min(first + AT_ONCE, given.datasets)) for first in range(0, given.datasets, AT_ONCE)]
        parts = [[(name, pool.submit(_part, name, truths[name], some)) for name in chosen] for some in rounds]
        for some, part in zip(rounds, parts, strict=True):
            for name, outcome in part:
                found[name] += outcome.result()
            rows = pd.concat([counted(find_design(name), truths[name], found[name]) for name in chosen])
            replaced(before, rows).to_csv(TABLE, index=False, lineterminator="\n")
            print(f"{some.stop} data sets of each design: {time.perf_counter() - start:.0f} s", flush=True)


def _truths(name: str) -> Truths:
    return all_truths(find_design(name))


def _part(name: str, truths: Truths, numbers: range) -> list[list[Outcome]]:
    return [outcomes(find_design(name), truths, number) for number in numbers]


if __name__ == "__main__":
    main()
