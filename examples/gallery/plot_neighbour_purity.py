"""
Classes of the nearest neighbours
=================================

The bars show how many of a stimulus's ten nearest neighbours are of its class. The marks show the share that random
neighbours would give.
"""

import numpy as np

import repbias

rng = np.random.default_rng(0)
labels = rng.integers(0, 2, size=(2000, 2))  # of 2,000 stimuli, two features
strength = np.array([[2.0], [0.5]])
units = labels @ (strength * rng.normal(size=(2, 40))) + rng.normal(size=(2000, 40))
names = ("strong", "weak")

result = repbias.neighbour_purity(units, labels, names=names)
print(result)
result.plot()
