"""
Erase a feature from a layer
============================

LEACE removes all that a linear classifier can read of the easy feature from the first layer. The bars show how
accurately the network then reports each feature; the marks show the accuracy before, and that of a constant report.
"""

import repbias

task = repbias.BooleanTask(features={"easy": "copy", "hard": "parity2"})
network = repbias.train(task, repbias.MLP(widths=(32, 32)), seeds=1)[0]
test = network.split("test")
inputs = task.network_inputs(test.inputs)

eraser = repbias.leace(network.read("hidden.0", "test"), test.labels[:, 0])
result = repbias.ablate(network.module, inputs, "hidden.0", eraser, test.labels, names=task.feature_names)
print(result)
result.plot()
