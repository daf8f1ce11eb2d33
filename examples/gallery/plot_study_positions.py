"""
Features by output position
===========================

A Transformer reports features one after another. ``result.plot("positions")`` draws the variance that each read-out
shares with the features by their output position, and "slopes" its fall with position over the training.
"""

import tempfile

import repbias
from repbias.experiments import Condition, Study

features = dict.fromkeys("abc", "presence")
task = repbias.StringTask(features=features, order="rotated", length=8, validation=256, test=256)
phases = [repbias.Phase(until="steps", steps=200)]
training = repbias.Training(optimizer=repbias.Adam(lr=3e-3), phases=phases, batch=64, checkpoints_per_decade=2)
model = repbias.EncoderDecoder(width=32)
one = Condition(name="encoder-decoder", task=task, model=model, training=training)
study = Study(name="order", question="Do features reported first explain more?", conditions=[one])
with tempfile.TemporaryDirectory() as folder:
    result = repbias.run(study, store=folder, progress=False)
result.plot("positions")
# %%
result.plot("slopes")
