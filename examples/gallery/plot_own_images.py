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
table = networks.table().query("measure == 'r2'")
last = table[table["step"] == table.groupby("seed")["step"].transform("max")]
r2 = last.pivot_table("value", "layer", "feature", sort=False)
r2.plot(marker="o", ylabel="R2", xlabel="layer")
