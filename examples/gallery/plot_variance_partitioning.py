"""
Unique and shared variance of features of many columns
======================================================

Three features drive 40 units: a speed, an embedding of 30 columns, and pixel energy of 60 columns, ten of which are
columns of the embedding too. The bars show what each explains alone, by banded ridge; the marks show its unique part.
"""

import numpy as np

import repbias

rng = np.random.default_rng(0)
speed, embedding = rng.normal(size=(2000, 1)), rng.normal(size=(2000, 30))  # of 2,000 stimuli
energy = np.hstack([embedding[:, :10], rng.normal(size=(2000, 50))])
features = {"speed": speed, "embedding": embedding, "pixel energy": energy}
drive = np.hstack([speed, embedding / 4, energy[:, 10:] / 8])
units = drive @ rng.normal(size=(81, 40)) + rng.normal(size=(2000, 40))

result = repbias.variance_partitioning(units, features)
print(result)
result.plot()
