"""Models and loaders whose activity is no function of the stimuli, in their order, are told or refused."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

import repbias

N = 60
SIDE = np.arange(N) % 2
X = torch.randn(N, 8, generator=torch.Generator().manual_seed(0)) + 2 * torch.tensor(SIDE)[:, None] * torch.eye(8)[0]
ITEMS = TensorDataset(X)
FEW = {"resamples": 100, "permutations": 50, "progress": False}


def plain():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 2))


class Shuffled(IterableDataset):
    def __iter__(self):
        return iter(X[torch.randperm(N)])


class Augmented(Dataset):
    def __len__(self):
        return N

    def __getitem__(self, item):
        return X[item] + torch.randn(8)


class Wrapped:
    def __iter__(self):
        return iter(DataLoader(ITEMS, 20, shuffle=True))


NOT_IN_ORDER = {
    "shuffled": lambda: DataLoader(ITEMS, 20, shuffle=True),
    "at random": lambda: DataLoader(ITEMS, 20, sampler=RandomSampler(ITEMS)),
    "a random subset": lambda: DataLoader(ITEMS, 20, sampler=SubsetRandomSampler(range(N))),
    "by weight": lambda: DataLoader(ITEMS, 20, sampler=WeightedRandomSampler(torch.ones(N), N)),
    "without the last": lambda: DataLoader(ITEMS, 25, drop_last=True),
    "backwards": lambda: DataLoader(ITEMS, 20, sampler=range(N - 1, -1, -1)),
    "batches in another order": lambda: DataLoader(ITEMS, batch_sampler=[[*range(30, 60)], [*range(30)]]),
    "one of two processes": lambda: DataLoader(ITEMS, 20, sampler=DistributedSampler(ITEMS, 2, 0, shuffle=False)),
    "an iterable that shuffles": lambda: DataLoader(Shuffled(), 20),
    "augmented": lambda: DataLoader(Augmented(), 20),
    "inside a wrapper": Wrapped,
}
IN_ORDER = {
    "by default": lambda: DataLoader(ITEMS, 25),
    "no last to leave out": lambda: DataLoader(ITEMS, 20, drop_last=True),
    "given batches": lambda: DataLoader(ITEMS, batch_sampler=BatchSampler(SequentialSampler(ITEMS), 25, False)),
    "the only process": lambda: DataLoader(ITEMS, 25, sampler=DistributedSampler(ITEMS, 1, 0, shuffle=False)),
    "a subset of the data": lambda: DataLoader(Subset(TensorDataset(torch.cat([X, X])), range(N)), 25),
}


@pytest.mark.parametrize("case", NOT_IN_ORDER)
def test_loaders_that_do_not_give_all_items_in_order_are_refused(case):
    with pytest.raises(ValueError, match="labels could not be matched"):
        repbias.audit(plain(), NOT_IN_ORDER[case](), {"side": SIDE}, "0", **FEW)


@pytest.mark.parametrize("case", IN_ORDER)
def test_a_loader_gives_what_an_array_gives(case):
    expected, found = (
        repbias.audit(plain(), inputs, {"side": SIDE}, "0", batch_size=25, **FEW) for inputs in (X, IN_ORDER[case]())
    )
    values = [report.results["value"].to_numpy(float) for report in (expected, found)]
    assert values[0] == pytest.approx(values[1], abs=1e-4, nan_ok=True)


def test_a_frame_of_inputs_is_refused_with_what_to_give():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(TypeError, match="to_numpy"):
        repbias.audit(plain(), pandas.DataFrame(X.numpy()), {"side": SIDE}, "0", **FEW)


class Parts(nn.Module):
    """Has a layer that nothing reads, and draws or remembers in `changed`."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.hidden, self.aside, self.head = nn.Linear(8, 6), nn.Linear(8, 3), nn.Linear(6, 2)
        self.register_buffer("running", torch.zeros(6))
        self.state = None

    def changed(self, x):
        return x

    def forward(self, x):
        self.aside(x)
        return self.head(self.changed(torch.relu(self.hidden(x))))


class Dropping(Parts):
    def changed(self, x):
        return functional.dropout(x, 0.5)


class Counting(Parts):
    def changed(self, x):
        self.state = (self.state or 0) + 1
        return x * self.state


class Carrying(Parts):
    def changed(self, x):
        self.state = x if self.state is None or len(self.state) != len(x) else x + self.state
        return self.state


class Averaging(Parts):
    def changed(self, x):
        self.running.mul_(0.5).add_(0.5 * x.mean(0))
        return x - self.running


class AlwaysOn(Parts):
    """Dropout that its own `train` keeps on."""

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def train(self, mode=True):
        super().train(mode)
        self.dropout.training = True
        return self

    def changed(self, x):
        return self.dropout(x)


MODELS = (Dropping, Counting, Carrying, Averaging, AlwaysOn)


@pytest.mark.parametrize("model", MODELS)
def test_no_effect_is_reported_of_a_model_that_changes_between_passes(model):
    made = model().train()
    report = repbias.audit(made, X, {"side": SIDE}, ["hidden", "aside"], **FEW)
    assert not report.results.measure.str.contains("ablation|steering").any()
    assert any("differs between two passes" in note for note in report.notes)
    assert made.training
    assert not made.running.any()


@pytest.mark.parametrize("model", MODELS)
def test_activity_that_changes_between_passes_is_told(model):
    report = repbias.audit(model(), X, {"side": SIDE}, ["aside", "head"], interventions=(), **FEW)
    (note,) = [note for note in report.notes if "differs between two passes" in note]
    assert note.endswith(": head.")
    assert any("these buffers" in note for note in report.notes) == (model is Averaging)


def test_a_stream_warns_of_activity_that_changes_between_passes():
    with pytest.warns(UserWarning, match="differs between two passes"):
        assert len(list(repbias.stream_activity(Dropping(), X, "head", batch_size=20))) == 3


def test_a_layer_that_nothing_reads_has_no_effect():
    report = repbias.audit(Parts(), X, {"side": SIDE}, ["hidden", "aside"], **FEW)
    edited = report.results[report.results.measure.str.contains("ablation|steering")]
    assert set(edited.layer) == {"hidden"}
    assert not any("two passes" in note for note in report.notes)
