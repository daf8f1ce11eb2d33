"""Every public function and class has an example, and its output is what the docstring says."""

import doctest
from pathlib import Path

import matplotlib
import pytest
from matplotlib import pyplot

import repbias

matplotlib.use("Agg")


@pytest.mark.parametrize("name", repbias.__all__)
def test_the_example_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(repbias, name), name)
    assert example.examples
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert runner.run(example).failed == 0
    pyplot.close("all")
