"""
An audit, layer by layer
========================

The share of the variance that each feature explains in each area or layer, with 95 % intervals over stimuli.
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
report.plot("layers")
