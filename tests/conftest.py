"""What all tests share: one thread, no time limits inside property tests, and the same examples in every CI run."""

import os

import hypothesis
import torch

torch.set_num_threads(1)
hypothesis.settings.register_profile("repbias", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("repbias")
