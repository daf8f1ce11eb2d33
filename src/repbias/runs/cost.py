"""About how long a study takes on this machine."""

from __future__ import annotations

import time

from repbias.runs.plan import Plan, flops

# A step costs about this many times its matrix products, looks at the gate and checkpoints included (measured).
OVERHEAD = 2.5
STARTUP_SECONDS = 8.0


def multiplication_rate(size: int = 768, repeats: int = 5) -> float:
    """Return this machine's float32 matrix multiplication rate on all cores, in floating-point operations a second."""
    import torch

    a = torch.ones(size, size)
    rates = []
    for _ in range(repeats):
        start = time.perf_counter()
        a @ a
        rates.append(2 * size**3 / (time.perf_counter() - start))
    return max(rates)


def expected_seconds(plan: Plan, rate: float) -> float:
    """Return about how many seconds all networks of a plan take on a machine of this multiplication rate."""
    work = sum(flops(condition) * plan.seeds for condition in plan.conditions)
    return STARTUP_SECONDS + OVERHEAD * work / rate
