"""
Features of every kind
======================

A category, a speed, an orientation and an embedding of ten columns are audited side by side. Classes are decoded by
their balanced accuracy, and other kinds by R2; the vertical axis runs from chance to perfect decoding for both.
"""

import numpy as np

import repbias

rng = np.random.default_rng(0)
category, speed = rng.choice(["face", "place"], 500), rng.gamma(2, size=500)  # of 500 stimuli
degrees, embedding = rng.uniform(0, 180, 500), rng.normal(size=(500, 10))
angle = np.deg2rad(2 * degrees)
drive = np.column_stack([2 * (category == "face"), speed, 0.4 * np.cos(angle), 0.4 * np.sin(angle), embedding / 4])
units = drive @ rng.normal(size=(14, 40)) + rng.normal(size=(500, 40))
features = {
    "category": category, "speed": repbias.continuous(speed),
    "orientation": repbias.circular(degrees, period=180), "embedding": repbias.columns(embedding),
}  # fmt: skip
report = repbias.audit_arrays({"V4": units}, features, resamples=200, permutations=100, progress=False)
report.plot("plane")
