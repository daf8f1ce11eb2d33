"""
Steer one feature
=================

A layer is pushed along the difference of the class means of the hard feature. The curves show for how many stimuli the
report of each feature flips.
"""

import numpy as np

import repbias

task = repbias.BooleanTask(features={"easy": "copy", "hard": "parity2"})
network = repbias.train(task, repbias.MLP(widths=(32, 32)), seeds=1)[0]
test = network.split("test")
inputs = task.network_inputs(test.inputs)

vector = repbias.difference_vector(network.read("hidden.1", "test"), test.labels[:, 1])
lengths = np.linspace(0, 2, 11)
result = repbias.steer(
    network.module, inputs, "hidden.1", vector, lengths, feature="hard", unit="difference", names=task.feature_names
)
result.plot()
