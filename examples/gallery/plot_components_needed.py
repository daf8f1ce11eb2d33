"""
How many components a read-out needs
====================================

The representation is reduced to its first components. A read-out that knows the weights of both features needs few
components for the strong feature, and more for the weak one.
"""

import numpy as np
import torch

import repbias

rng = np.random.default_rng(0)
labels = rng.integers(0, 2, size=(2000, 2))  # of 2,000 stimuli, two features
strength = np.array([[2.0], [0.5]])
units = labels @ (strength * rng.normal(size=(2, 40))) + rng.normal(size=(2000, 40))
names = ("strong", "weak")

decoder = torch.from_numpy(np.linalg.lstsq(units - units.mean(0), labels - labels.mean(0), rcond=None)[0]).float()
centre = torch.from_numpy(units.mean(0)).float()

found = repbias.components(units, labels, names=names)
result = repbias.components_needed(lambda kept: (kept - centre) @ decoder > 0, units, labels, found)
result.plot()
