"""Calibration of the audit: false-positive rates and coverage of intervals over simulated designs."""

from __future__ import annotations

from pathlib import Path

TABLE = Path(__file__).parents[2] / "docs" / "explanation" / "calibration.csv"
