"""What all tests share: one thread, and no time limits inside property tests."""

import hypothesis
import torch

torch.set_num_threads(1)
hypothesis.settings.register_profile("repbias", deadline=None)
hypothesis.settings.load_profile("repbias")
