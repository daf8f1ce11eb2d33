"""
Claims of a study
=================

``repbias.run`` trains the networks of a study and returns its results. ``result.plot("claims")`` draws the estimate
of each claim in each condition with its interval and verdict; "gap", "trend", "layers" and other kinds draw the rest
of its page.
"""

import tempfile

import repbias
from repbias.experiments import Condition, Study, favours, quick_and_full

task = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"}, train=4096, validation=1024, test=1024)
training = repbias.Training(optimizer=repbias.SGD(lr=0.1), phases=[repbias.Phase(until="steps", steps=1500)])
conditions = [
    Condition(name=f"{n} units", task=task, model=repbias.MLP(widths=(n, n)), training=training) for n in (32, 64)
]
claim = favours("easy more", "The easy feature explains more variance", sesoi=0.05)
study = Study(
    name="widths",
    question="Does the easy feature explain more?",
    conditions=conditions,
    scales=quick_and_full(seeds=(4, 20)),
    claims=[claim],
)
with tempfile.TemporaryDirectory() as folder:
    result = repbias.run(study, store=folder, progress=False)
result.plot("claims")
