"""
Which feature each principal component shows
============================================

Principal components follow variance. The first component shows the strong feature. A component is grey where no
feature explains a tenth of its variance.
"""

import numpy as np

import repbias

rng = np.random.default_rng(0)
labels = rng.integers(0, 2, size=(2000, 2))  # of 2,000 stimuli, two features
strength = np.array([[2.0], [0.5]])
units = labels @ (strength * rng.normal(size=(2, 40))) + rng.normal(size=(2000, 40))
names = ("strong", "weak")

result = repbias.components(units, labels, names=names, n=12)
print(result.owner)
result.plot()
