"""
Probes that read few units
==========================

How well can a feature be decoded from its best unit, and from the best two, four, ... units? The dotted lines show
chance.
"""

import numpy as np

import repbias

rng = np.random.default_rng(0)
labels = rng.integers(0, 2, size=(2000, 2))  # of 2,000 stimuli, two features
strength = np.array([[2.0], [0.5]])
units = labels @ (strength * rng.normal(size=(2, 40))) + rng.normal(size=(2000, 40))
names = ("strong", "weak")
fit, test = slice(0, 1000), slice(1000, None)

result = repbias.sparse_probe(
    units[fit], labels[fit], test_representation=units[test], test_labels=labels[test], names=names, k=(1, 2, 4, 8, 16)
)
result.plot()
