"""
Equal shares of variance
========================

`equalize` finds a linear map of the units after which every feature explains the same share of the variance. The
marks show the shares before the map.
"""

import numpy as np

import repbias

rng = np.random.default_rng(0)
labels = rng.integers(0, 2, size=(2000, 2))  # of 2,000 stimuli, two features
strength = np.array([[2.0], [0.5]])
units = labels @ (strength * rng.normal(size=(2, 40))) + rng.normal(size=(2000, 40))
names = ("strong", "weak")
fit, test = slice(0, 1000), slice(1000, None)

result = repbias.equalize(
    units[fit], labels[fit], test_representation=units[test], test_labels=labels[test], names=names
)
print(result)
result.plot()
