"""
The scale of units
==================

Orientation drives 39 of 40 units; the last unit has a hundred times their amplitude and follows contrast. As recorded,
this unit hides the orientation. Units of equal variance show both.
"""

import matplotlib.pyplot as plt
import numpy as np

import repbias

rng = np.random.default_rng(0)
contrast, degrees = rng.integers(0, 2, 400), rng.uniform(0, 180, 400)  # of 400 stimuli
tuning = np.cos(2 * np.deg2rad(degrees[:, None] - rng.uniform(0, 180, 40)))
units = tuning + 0.3 * contrast[:, None] * rng.normal(size=40) + rng.normal(size=(400, 40))
units[:, -1] = 100 * (contrast + 0.5 * rng.normal(size=400))
features = {"contrast": contrast, "orientation": repbias.circular(degrees, period=180)}
axes = plt.subplots(1, 2, figsize=(8, 3.5), layout="constrained")[1]
for ax, scale in zip(axes, ("none", "zscore"), strict=True):
    audit = repbias.audit_arrays({scale: units}, features, scale=scale, resamples=100, permutations=50, progress=False)
    audit.plot("plane", ax=ax).set_title(f'scale="{scale}"', pad=22)
