"""
Variance explained in the conditions of a study
===============================================

``result.plot("gap")`` draws the variance that each feature explains in the last hidden layer: a dot for each seed, a
line between the features of one network, and the mean over seeds.
"""

import tempfile

import repbias
from repbias.experiments import Condition, Study

training = repbias.Training(optimizer=repbias.Adam(lr=5e-3), phases=[repbias.Phase(until="steps", steps=400)])
sizes = {"train": 4096, "validation": 1024, "test": 1024}
tasks = {hard: repbias.BooleanTask(features={"easy": "copy", "hard": hard}, **sizes) for hard in ("and", "or", "xor2")}
conditions = [
    Condition(name=hard, factors={"hard": hard}, task=task, model=repbias.MLP(widths=(32, 32)), training=training)
    for hard, task in tasks.items()
]
study = Study(name="hardness", question="Which feature gets more?", conditions=conditions)
with tempfile.TemporaryDirectory() as folder:
    repbias.run(study, store=folder, progress=False).plot("gap")
