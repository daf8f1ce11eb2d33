"""
How many units carry each feature
=================================

``networks.plot("units")`` draws the distribution over units of the share of a unit's variance that each feature
explains, in the last hidden layer of all networks.
"""

import repbias

task = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"}, train=4096, validation=1024, test=1024)
training = repbias.Training(optimizer=repbias.SGD(lr=0.1), phases=[repbias.Phase(until="steps", steps=1500)])
networks = repbias.train(task, repbias.MLP(widths=(32, 32, 32)), seeds=4, training=training, progress=False)
networks.plot("units")
