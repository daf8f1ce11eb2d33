"""
Variance explained of simulated neurons
=======================================

Two binary features drive 80 simulated neurons, one of them three times as strongly as the other. Both can be decoded,
but the weak one explains little variance. The bars show the share of the variance that each feature explains.
"""

import matplotlib.pyplot as plt
import numpy as np

import repbias

rng = np.random.default_rng(0)
labels = rng.integers(0, 2, size=(2000, 2))
spikes = rng.poisson(2 + 3 * labels[:, :1] + labels[:, 1:], size=(2000, 80))
result = repbias.variance_explained(spikes, labels, names=("strong", "weak"))

figure, ax = plt.subplots(figsize=(4, 3), layout="constrained")
ax.bar(result.names, result.r2)
ax.set_ylabel("variance explained (R²)")
