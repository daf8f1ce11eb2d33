"""
Curves and maps of an analysis
==============================

``result.plot("curves")`` draws what an analysis of a study swept: here how well k-means clusters agree with each
feature, over the number of clusters. ``result.plot("stimuli")`` draws its map of the stimuli, coloured by each feature.
"""

import tempfile

import repbias
from repbias.experiments import Analysis, Condition, Study

task = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"}, train=4096, validation=1024, test=1024)
training = repbias.Training(optimizer=repbias.Adam(lr=5e-3), phases=[repbias.Phase(until="steps", steps=400)])
one = Condition(name="64 units", task=task, model=repbias.MLP(widths=(64, 64)), training=training)
measures = ("ari_2", "ari_3", "ari_4", "ari_6", "ari_8", "neighbour_purity")
curves = {"ari": ("clusters (k-means)", "adjusted Rand index")}
analysis = Analysis(function="repbias.analyses.unsupervised:clusters", measures=measures, curves=curves)
study = Study(name="groups", question="Which feature do clusters follow?", conditions=[one], analysis=analysis)
with tempfile.TemporaryDirectory() as folder:
    result = repbias.run(study, store=folder, progress=False)
result.plot("curves")
# %%
result.plot("stimuli")
