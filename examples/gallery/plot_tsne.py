"""
A t-SNE layout by feature
=========================

t-SNE lays the stimuli out in a plane. The layout separates the classes of the strong feature (left); the classes of
the weak feature (right) are mixed within each group.
"""

import numpy as np
from matplotlib import pyplot

import repbias

rng = np.random.default_rng(0)
labels = rng.integers(0, 2, size=(600, 2))  # of 600 stimuli, two features
strength = np.array([[2.0], [0.5]])
units = labels @ (strength * rng.normal(size=(2, 40))) + rng.normal(size=(600, 40))
names = ("strong", "weak")

layout = repbias.tsne(units)
_, panels = pyplot.subplots(1, 2, figsize=(7, 3.5))
for feature, panel in zip(labels.T, panels, strict=True):
    repbias.plot_layout(layout, feature, ax=panel)
