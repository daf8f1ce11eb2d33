"""`python -m benchmarks` runs every `bench_*.bench()` in this folder and prints one table; `--only NAME` runs one."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Any

HEADINGS = ("what", "time", "x floor", "reference", "its time", "x as long")
UNITS = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6))


def main() -> None:
    """Run the benchmarks that were asked for and print their rows as they come in."""
    names = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=names, help="run this one alone")
    only = parser.parse_args().only
    rows = [row for name in names if only in (None, name) for row in _module(name).bench()]
    print(table(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as aligned text: text to the left, numbers to the right."""
    cells = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    to_left = {0, 3}
    return "\n".join(
        "  ".join(
            text.ljust(width) if column in to_left else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["what"],
        _time(row["seconds"]),
        _number(row["floor_ratio"]),
        row["reference"] or "",
        _time(row["reference_seconds"]),
        _number(row["ratio"]),
    )


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    unit, size = next(((unit, size) for unit, size in UNITS if seconds >= size), UNITS[-1])
    return f"{seconds / size:,.{0 if seconds >= 100 * size else 1}f} {unit}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _module(name: str) -> Any:
    return importlib.import_module(f"benchmarks.bench_{name}")


if __name__ == "__main__":
    main()
