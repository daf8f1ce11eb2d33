"""
Similarity of all pairs of networks
===================================

An analysis of a study can compare its networks. ``result.plot("matrix")`` draws the measures of all pairs, and the mean
of each pair of conditions: here RSA and CKA of networks that report both features, one of them, or were not trained.
"""

import tempfile

import repbias
from repbias.studies import find_study

task = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"}, train=4096, validation=1024, test=1024)
rsa = find_study("rsa")
conditions = []
for condition in rsa.conditions:
    phases = [phase.model_copy(update={"until": "steps", "steps": 400}) for phase in condition.training.phases]
    training = repbias.Training(optimizer=repbias.Adam(lr=5e-3), phases=phases)
    model = repbias.MLP(widths=(32, 32))
    conditions.append(condition.model_copy(update={"task": task, "model": model, "training": training}))
study = rsa.model_copy(update={"conditions": tuple(conditions)})
with tempfile.TemporaryDirectory() as folder:
    result = repbias.run(study, seeds=4, store=folder, progress=False)
result.plot("matrix")
