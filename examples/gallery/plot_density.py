"""
How many units carry a feature
==============================

The strong feature drives 30 of 40 units, the weak one 5. The curves show the R2 of single units, from the highest to
the lowest.
"""

import numpy as np

import repbias

rng = np.random.default_rng(0)
labels = rng.integers(0, 2, size=(2000, 2))  # of 2,000 stimuli, two features
weights = np.zeros((2, 40))
weights[0, :30] = rng.uniform(0.5, 3, size=30)
weights[1, :5] = rng.uniform(0.5, 1.5, size=5)
units = labels @ weights + rng.normal(size=(2000, 40))

result = repbias.density(units, labels, names=("strong", "weak"))
print(result)
result.plot()
