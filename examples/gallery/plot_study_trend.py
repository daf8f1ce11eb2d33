"""
Trend of a study
================

``result.plot("trend")`` draws a claim's statistic at each level of a factor, with the networks of one seed joined: here
how much more variance the easy feature explains than the hard one, in narrow and wide networks.
"""

import tempfile

import repbias
from repbias.experiments import Condition, Study, Trend, favours

task = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"}, train=4096, validation=1024, test=1024)
training = repbias.Training(optimizer=repbias.Adam(lr=5e-3), phases=[repbias.Phase(until="steps", steps=400)])
conditions = [
    Condition(name=f"{n}", factors={"width": f"{n}"}, task=task, model=repbias.MLP(widths=(n, n)), training=training)
    for n in (16, 32, 64)
]
claim = favours("grows", "The gap grows with width", compare=Trend(factor="width", scale="log2"), sesoi=0.01)
study = Study(name="width", question="Does width matter?", conditions=conditions, claims=[claim])
with tempfile.TemporaryDirectory() as folder:
    repbias.run(study, store=folder, progress=False).plot("trend")
