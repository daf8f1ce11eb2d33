"""
R2 of each feature, layer by layer
==================================

``networks.plot("layers")`` draws the share of each layer's variance that each feature explains: the mean over seeds,
with its 95 % interval. Both features are reported without errors, and yet the easy one explains more of every layer.
"""

import repbias

task = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"}, train=4096, validation=1024, test=1024)
training = repbias.Training(optimizer=repbias.SGD(lr=0.1), phases=[repbias.Phase(until="steps", steps=1500)])
networks = repbias.train(task, repbias.MLP(widths=(32, 32, 32)), seeds=4, training=training, progress=False)
networks.plot("layers")
