"""
Training a sparse autoencoder
=============================

The curve shows the squared error of the reconstruction, as a share of the variance, on each training batch.
"""

import numpy as np

import repbias

rng = np.random.default_rng(0)
directions = rng.normal(size=(12, 40))
active = rng.random((2000, 12)) < 0.15  # each stimulus holds a few of twelve directions
units = active @ directions + 0.1 * rng.normal(size=(2000, 40))

dictionary = repbias.train_autoencoder(units, n_latents=32, k=3, steps=600)
print(dictionary)
dictionary.plot()
