"""
Canonical correlations of two representations
=============================================

Two recordings of the same stimuli share three dimensions. The canonical correlations of these are near one; those of
the other dimensions show what chance gives with 500 stimuli.
"""

import numpy as np

import repbias

rng = np.random.default_rng(0)
shared = rng.normal(size=(500, 3))
a = shared @ rng.normal(size=(3, 20)) + 0.5 * rng.normal(size=(500, 20))
b = shared @ rng.normal(size=(3, 30)) + 0.5 * rng.normal(size=(500, 30))

result = repbias.mean_cca(a, b)
print(result)
result.plot()
