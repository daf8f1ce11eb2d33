"""
A matrix of distances
=====================

The distances between the responses to 60 stimuli, sorted by the class of one feature. Stimuli of the same class are
near each other.
"""

import numpy as np

import repbias

rng = np.random.default_rng(0)
classes = rng.integers(0, 3, size=60)
units = 2 * rng.normal(size=(3, 40))[classes] + rng.normal(size=(60, 40))

repbias.plot_rdm(repbias.rdm(units), np.array(["animal", "face", "house"])[classes])
