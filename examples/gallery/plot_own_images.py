"""
Your own images
===============

A network reports the digit and the parity of handwritten digits. Which of the two does each layer represent?
"""

from sklearn.datasets import load_digits

import repbias

digits = load_digits()
labels = {"digit": digits.target, "parity": digits.target % 2}
task = repbias.ArrayTask(digits.images, labels, axes="row column")
print(repbias.check_design(task).failures())  # the parity follows from the digit

networks = repbias.train(task, repbias.MLP(widths=(64, 64, 64)), seeds=4, training={"optimizer": "adam"})
networks.plot("layers")
