"""
Reliance under several classifiers
==================================

The share of the conflict items that is decided by the strong feature, for four classifiers and three strengths of
regularisation. The two features differ less in variance than in the other examples.
"""

import numpy as np

import repbias

rng = np.random.default_rng(0)
labels = rng.integers(0, 2, size=(2000, 2))  # of 2,000 stimuli, two features
strength = np.array([[0.5], [0.4]])
units = labels @ (strength * rng.normal(size=(2, 40))) + rng.normal(size=(2000, 40))
names = ("strong", "weak")
fit, test = slice(0, 1000), slice(1000, None)

result = repbias.reliance_sweep(
    units[fit], labels[fit], test_representation=units[test], test_labels=labels[test], names=names, seeds=(0, 1)
)
result.plot()
