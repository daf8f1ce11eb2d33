"""
Effects of crossed factors
==========================

Where every combination of the levels of two factors is a condition, ``result.plot("effects")`` draws the main effect of
each factor on a contrast, their interaction, and the mean of every cell.
"""

import tempfile

import repbias
from repbias.experiments import Condition, Effects, FeatureDifference, Study

task = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"}, train=4096, validation=1024, test=1024)
rates, widths = {"0.002": 2e-3, "0.01": 1e-2}, {"32": (32, 32), "64": (64, 64)}
phases = [repbias.Phase(until="steps", steps=400)]
conditions = [
    Condition(name=f"{rate}, {width}", factors={"rate": rate, "width": width}, task=task,
              model=repbias.MLP(widths=units), training=repbias.Training(optimizer=repbias.Adam(lr=lr), phases=phases))
    for rate, lr in rates.items() for width, units in widths.items()
]  # fmt: skip
effects = Effects(contrast=FeatureDifference(more="easy", less="hard"), factors=["rate", "width"], sesoi=0.05)
study = Study(name="rate", question="Does the rate matter?", conditions=conditions, effects=[effects])
with tempfile.TemporaryDirectory() as folder:
    repbias.run(study, store=folder, progress=False).plot("effects")
