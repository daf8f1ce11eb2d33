"""
Unique and shared variance
==========================

Two features whose labels are associated share variance. The bars show what each explains in all, what it alone explains
(unique), and what other features explain as well (shared).
"""

import numpy as np

import repbias

rng = np.random.default_rng(0)
colour, shape = rng.integers(0, 2, (2, 600))
size = np.where(rng.random(600) < 0.7, shape, rng.integers(0, 2, 600))  # usually goes with the shape
features = {"colour": colour, "shape": shape, "size": size}
areas = {}
for area, strengths in {"V4": (3.0, 0.6, 0.6), "IT": (1.5, 2.0, 0.8)}.items():
    signals = np.stack(list(features.values()), axis=1) * strengths
    areas[area] = signals @ rng.normal(size=(3, 40)) + 2 * rng.normal(size=(600, 40))
report = repbias.audit_arrays(areas, features, resamples=200, permutations=100, progress=False)
report.plot("shares")
