"""
Variance explained by each feature
==================================

Two features are simulated in 40 units, the first with four times the amplitude of the second. The bars show the share
of the variance that each feature explains; the marks show what it explains and the other does not.
"""

import numpy as np

import repbias

rng = np.random.default_rng(0)
labels = rng.integers(0, 2, size=(2000, 2))  # of 2,000 stimuli, two features
strength = np.array([[2.0], [0.5]])
units = labels @ (strength * rng.normal(size=(2, 40))) + rng.normal(size=(2000, 40))
names = ("strong", "weak")

result = repbias.variance_explained(units, labels, names=names, joint=True)
print(result)
result.plot()
