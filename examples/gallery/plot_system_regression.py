"""
What a regression between two systems explains
==============================================

A model holds the strong feature only, a recording holds both. The model explains much of the recording's variance, and
all of that is the strong feature.
"""

import numpy as np

import repbias

rng = np.random.default_rng(0)
labels = rng.integers(0, 2, size=(2000, 2))  # of 2,000 stimuli, two features
strength = np.array([[2.0], [0.5]])
units = labels @ (strength * rng.normal(size=(2, 40))) + rng.normal(size=(2000, 40))
names = ("strong", "weak")
fit, test = slice(0, 1000), slice(1000, None)

model = labels[:, :1] @ (2 * rng.normal(size=(1, 30))) + rng.normal(size=(2000, 30))
result = repbias.system_regression(
    model[fit], units[fit], labels[fit], test_a=model[test], test_b=units[test], test_labels=labels[test], names=names
)
print(result)
result.plot()
