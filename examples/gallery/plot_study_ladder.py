"""
Ladder of a study
=================

A ladder shows one contrast over another, with a point for each level of a factor: here how much variance the copied bit
and the harder feature beside it explain, for three harder features.
"""

import tempfile

import repbias
from repbias.experiments import Condition, Ladder, Level, Rung, Study

training = repbias.Training(optimizer=repbias.Adam(lr=5e-3), phases=[repbias.Phase(until="steps", steps=400)])
sizes = {"train": 4096, "validation": 1024, "test": 1024}
tasks = {hard: repbias.BooleanTask(features={"easy": "copy", "hard": hard}, **sizes) for hard in ("and", "or", "xor2")}
conditions = [
    Condition(name=hard, factors={"hard": hard}, task=task, model=repbias.MLP(widths=(32, 32)), training=training)
    for hard, task in tasks.items()
]
axes = {"x": Rung(contrast=Level(of=["easy"])), "y": Rung(contrast=Level(of=["hard"]))}
ladder = Ladder(title="Hard over easy", by="hard", **axes)
study = Study(name="steps", question="Which feature gets more?", conditions=conditions, ladders=[ladder])
with tempfile.TemporaryDirectory() as folder:
    repbias.run(study, store=folder, progress=False).plot("ladder")
