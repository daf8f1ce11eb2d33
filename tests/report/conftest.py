from __future__ import annotations

import pytest
import report_tables


@pytest.fixture(scope="session")
def small() -> report_tables.Tables:
    """Two hard features, two architectures, four networks."""
    return report_tables.study(seeds=4, hard=("XOR2", "parity3"))


@pytest.fixture(scope="session")
def large() -> report_tables.Tables:
    """Twelve conditions of twenty networks."""
    return report_tables.study()
