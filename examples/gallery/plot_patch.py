"""
Patch a layer
=============

Each stimulus is given half of the units of another one, which differs from it in the easy feature only. The bar of
the easy feature shows how often the report of the network follows.
"""

import repbias

task = repbias.BooleanTask(features={"easy": "copy", "hard": "parity2"})
network = repbias.train(task, repbias.MLP(widths=(32, 32)), seeds=1)[0]
test = network.split("test")
inputs = task.network_inputs(test.inputs)

pairs = repbias.pairs_differing_in(test.labels, "easy", seed=0, names=task.feature_names)
own, source = inputs[pairs[:, 0]], inputs[pairs[:, 1]]
result = repbias.patch(network.module, own, source, "hidden.1", units=range(16), names=task.feature_names)
print(result)
result.plot()
