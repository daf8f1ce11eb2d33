"""
Clusters follow the strong feature
==================================

k-means with two clusters finds the classes of the strong feature. The adjusted Rand index is 1 for clusters that equal
the classes, and 0 on average for clusters that are unrelated to them.
"""

import numpy as np

import repbias

rng = np.random.default_rng(0)
labels = rng.integers(0, 2, size=(2000, 2))  # of 2,000 stimuli, two features
strength = np.array([[2.0], [0.5]])
units = labels @ (strength * rng.normal(size=(2, 40))) + rng.normal(size=(2000, 40))
names = ("strong", "weak")

result = repbias.clustering(units, labels, k=2, names=names)
print(result)
result.plot()
