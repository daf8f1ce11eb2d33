"""
Claims of a study
=================

``repbias.run`` trains the networks of a study and returns its results. ``result.plot("claims")`` draws the estimate
of each claim in each condition with its interval and verdict; "gap", "trend", "layers" and other kinds draw the rest
of its page.
"""

import tempfile

import repbias
from repbias.experiments import Condition, Study, favours

task = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"}, train=4096, validation=1024, test=1024)
training = repbias.Training(optimizer=repbias.SGD(lr=0.1), phases=[repbias.Phase(until="steps", steps=1500)])
one = Condition(name="64 units", task=task, model=repbias.MLP(widths=(64, 64)), training=training)
claim = favours("easy more", "The easy feature explains more variance", sesoi=0.05)
study = Study(name="bias", question="Does the easy feature explain more?", conditions=[one], claims=[claim])
with tempfile.TemporaryDirectory() as folder:
    result = repbias.run(study, store=folder, progress=False)
result.plot("claims")
