"""
Planning an audit
=================

Which share of the variance will an audit detect with 80 % power? The share falls in proportion to the number of
stimuli. From pilot data, vertical lines are 95 % intervals.
"""

import numpy as np

import repbias

rng = np.random.default_rng(0)
spectrum = 1 / np.arange(1, 61)  # of 60 units
pilot = rng.normal(size=(80, 60)) * np.sqrt(spectrum)
features = {"shape": rng.integers(0, 2, 80), "category": rng.integers(0, 8, 80), "size": rng.normal(size=80)}

plan = repbias.power(pilot, features, stimuli=[100, 400])
print(plan)
plan.plot()
