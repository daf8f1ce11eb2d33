"""
Is there one latent for a feature?
==================================

A sparse autoencoder describes the units by a dictionary of latents. The bars show how well the best single latent
tells the two values of a feature apart; the marks show a linear probe that reads all latents.
"""

import numpy as np

import repbias

rng = np.random.default_rng(0)
labels = rng.integers(0, 2, size=(2000, 2))  # of 2,000 stimuli, two features
strength = np.array([[2.0], [0.5]])
units = labels @ (strength * rng.normal(size=(2, 40))) + rng.normal(size=(2000, 40))
names = ("strong", "weak")
fit, test = slice(0, 1000), slice(1000, None)

dictionary = repbias.train_autoencoder(units[fit], n_latents=64, k=4, steps=400)
latents = dictionary.encode(units)
result = repbias.feature_in_latents(
    latents[fit], labels[fit], test_latents=latents[test], test_labels=labels[test], names=names
)
result.plot()
