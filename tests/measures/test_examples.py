"""Every public function and class of the measures has an example, and its output is what the docstring says."""

import doctest

import matplotlib
import pytest
from matplotlib import pyplot

import repbias

matplotlib.use("Agg")

PUBLIC = [
    name
    for name in repbias.__all__
    if getattr(repbias, name).__module__.startswith(("repbias.measures.", "repbias.figures."))
]


@pytest.mark.parametrize("name", [*PUBLIC, "mean_interval"])
def test_the_example_runs(name: str) -> None:
    found = getattr(repbias, name)
    (example,) = doctest.DocTestFinder(recurse=False).find(found, name)
    assert example.examples
    assert doctest.DocTestRunner(verbose=False).run(example).failed == 0
    pyplot.close("all")
