"""
Learning curves
===============

``networks.plot("learning")`` draws accuracy and variance explained in the course of training. Ticks between the
panels mark the steps at which features are mastered. The easy feature's share continues to grow while the hard one is
learned.
"""

import repbias

task = repbias.BooleanTask(features={"easy": "copy", "hard": "xor2"}, train=4096, validation=1024, test=1024)
training = repbias.Training(optimizer=repbias.SGD(lr=0.1), phases=[repbias.Phase(until="steps", steps=1500)])
networks = repbias.train(task, repbias.MLP(widths=(32, 32, 32)), seeds=4, training=training, progress=False)
networks.plot("learning")
