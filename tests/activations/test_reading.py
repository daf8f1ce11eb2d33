"""Reading a model's activity: any inputs, any outputs, pooled as stated, and nothing left behind."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from activity import read_activity
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from repbias.activations.batches import Batches
from repbias.activations.layout import Layout
from repbias.activations.outputs import find_part

N, TOKENS, WIDTH = 12, 5, 6


@dataclass
class Plain:
    hidden: torch.Tensor
    length: int


@dataclass(frozen=True)
class Frozen:
    hidden: torch.Tensor


class Named(NamedTuple):
    length: int
    hidden: torch.Tensor


class ModelOutput(OrderedDict):
    """Like the outputs of Hugging Face models: a mapping with the last hidden state and more."""


class Inner(nn.Module):
    def forward(self, x):
        return Plain(x + 1, x.shape[1])


class Encoder(nn.Module):
    """Takes tokens by name, with a mask and an option, as Hugging Face models do."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, WIDTH)
        self.shared = nn.Linear(WIDTH, WIDTH)
        self.drop = nn.Dropout(0.5)
        self.recurrent = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.inner = Inner()
        self.turned = nn.Flatten(0, 1)
        self.count = nn.Identity()
        self.single = nn.Identity()
        self.spare = nn.Linear(WIDTH, WIDTH)

    def forward(self, input_ids, attention_mask=None, output_all=True):
        assert output_all
        x = self.embed(input_ids)
        x = self.shared(self.drop(torch.relu(self.shared(x))))
        self.recurrent(x)
        self.turned(x)
        self.count(input_ids)
        self.single(x[:, 0, 0])
        hidden = self.inner(x).hidden
        return ModelOutput(last_hidden_state=hidden, pooler_output=hidden[:, 0])


@pytest.fixture(scope="module")
def encoder() -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    model = Encoder()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.4, generator=generator)
    return model.train()


@pytest.fixture(scope="module")
def ids() -> torch.Tensor:
    return torch.randint(0, 10, (N, TOKENS), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def mask() -> torch.Tensor:
    kept = torch.ones(N, TOKENS, dtype=torch.int64)
    kept[3, 3:] = 0
    kept[4, :2] = 0  # padded to the left
    return kept


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def embedded(encoder, ids) -> np.ndarray:
    return encoder.embed.weight.detach()[ids].numpy()


@pytest.mark.parametrize("batch_size", [1, 5, 12, 99])
def test_pools_over_tokens(encoder, ids, batch_size):
    tokens = embedded(encoder, ids)
    expected = {"mean": tokens.mean(1), "first": tokens[:, 0], "last": tokens[:, -1], "flatten": tokens.reshape(N, -1)}
    for pool, value in expected.items():
        read = read_activity(encoder, ids, "embed", pool=pool, batch_size=batch_size)
        assert read.arrays["embed"].dtype == np.float32
        np.testing.assert_allclose(read.arrays["embed"], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pool", ["mean", "first", "last"])
def test_padding_is_left_out_wherever_the_mask_comes_from(encoder, ids, mask, pool):
    tokens, where = embedded(encoder, ids), mask.numpy().astype(bool)
    pick = {"mean": lambda kept: kept.mean(0), "first": lambda kept: kept[0], "last": lambda kept: kept[-1]}[pool]
    expected = np.stack([pick(row[kept]) for row, kept in zip(tokens, where, strict=True)])
    by_name = {"input_ids": ids, "attention_mask": mask, "output_all": True}
    for inputs, given in ((by_name, None), (ids, mask), (ids, mask.numpy())):
        read = read_activity(encoder, inputs, "embed", pool=pool, attention_mask=given, batch_size=5)
        np.testing.assert_allclose(read.arrays["embed"], expected, rtol=1e-5, atol=1e-6)
        assert any("padding left out: embed" in note for note in read.notes)


def test_activity_at_padding_is_ignored_even_where_it_is_nan(mask):
    tokens = torch.randn(N, TOKENS, WIDTH)
    layout = Layout("x", "mean", tuple(tokens.shape), unit=2, masked=True)
    spoiled = tokens.masked_fill(mask[:, :, None] == 0, float("nan"))
    torch.testing.assert_close(layout.read(spoiled, mask != 0), layout.read(tokens, mask != 0))


def test_batches_may_be_padded_to_different_lengths(encoder, ids):
    short = {"input_ids": ids[:4, :3], "attention_mask": torch.ones(4, 3)}
    padded = {"input_ids": ids[4:], "attention_mask": torch.tensor([[1, 1, 1, 0, 0]]).repeat(N - 4, 1)}
    read = read_activity(encoder, [short, padded], "embed").arrays["embed"]
    np.testing.assert_allclose(read, embedded(encoder, ids)[:, :3].mean(1), rtol=1e-5, atol=1e-6)


def test_convolutional_maps_are_averaged_over_space():
    model = nn.Sequential(nn.Conv2d(2, 7, 3), nn.ReLU(), nn.Flatten(2), nn.Conv1d(7, 4, 3))
    images = torch.randn(N, 2, 8, 8)
    with torch.no_grad():
        maps, lines = model[:2](images), model(images)
    for pool in ("mean", "first", "last"):
        read = read_activity(model, images, ["1", "3"], pool=pool, batch_size=5)
        np.testing.assert_allclose(read.arrays["1"], maps.mean((2, 3)), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(read.arrays["3"], lines.mean(2), rtol=1e-4, atol=1e-5)
    assert any("mean over space: 1, 3" in note for note in read.notes)
    np.testing.assert_allclose(
        read_activity(model, images, "1", pool="flatten").arrays["1"], maps.flatten(1), atol=1e-5
    )


@pytest.mark.parametrize("pool", ["mean", "flatten", "first", "last"])
@pytest.mark.parametrize("shape", [(N, WIDTH), (N, TOKENS, WIDTH), (N, WIDTH, 4, 3)])
def test_no_more_is_kept_than_what_is_read(pool, shape):
    inputs = torch.randn(shape)
    for given, factor in ((inputs, 1), (DataLoader(inputs, batch_size=5), 2)):
        axes = {2: "stimulus unit", 3: "stimulus token unit", 4: "stimulus unit row column"}[len(shape)]
        model = nn.Sequential(nn.Identity())
        read = read_activity(model, given, "0", pool=pool, axes=axes, batch_size=5).arrays["0"]
        memory = torch.from_numpy(read).untyped_storage()
        assert read.nbytes <= memory.nbytes() <= factor * read.nbytes
        assert memory.data_ptr() != inputs.untyped_storage().data_ptr()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("pool", ["mean", "flatten", "first", "last"])
@pytest.mark.parametrize("shape", [(N, WIDTH), (N, TOKENS, WIDTH), (N, WIDTH, 4, 3)])
def test_an_affine_edit_is_the_same_edit_of_what_is_read(pool, shape, masked, mask):
    output, kept = torch.randn(shape), mask != 0 if masked else None
    layout = Layout("x", pool, shape, unit=1 if len(shape) == 4 else len(shape) - 1, masked=masked)
    before = layout.read(output, kept)
    weights = torch.randn(before.shape[1], before.shape[1])
    edited = layout.edit(output, kept, lambda values: values @ weights + 1)
    assert edited.shape == output.shape
    torch.testing.assert_close(layout.read(edited, kept), before @ weights + 1, rtol=1e-4, atol=1e-4)
    if pool in ("first", "last") and len(shape) == 3:
        assert int((edited != output).any(-1).sum()) == N  # one token of each stimulus, and no other


@pytest.mark.parametrize("pool", ["mean", "flatten", "first", "last", 2])
@pytest.mark.parametrize("stimulus", [0, 1, 2])
def test_an_edit_is_the_same_wherever_the_stimulus_axis_is(pool, stimulus):
    plain = torch.randn(N, TOKENS, WIDTH)
    turned = plain.movedim(0, stimulus)
    others = [axis for axis in range(3) if axis != stimulus]
    reference = Layout("x", pool, (N, TOKENS, WIDTH), unit=2)
    layout = Layout("x", pool, tuple(turned.shape), stimulus, others[1])
    torch.testing.assert_close(layout.read(turned), reference.read(plain))
    edited = layout.edit(turned, None, lambda values: 2 * values + 1)
    torch.testing.assert_close(edited.movedim(stimulus, 0), reference.edit(plain, None, lambda values: 2 * values + 1))


def test_a_layer_called_several_times_is_read_at_each_call(encoder, ids):
    read = read_activity(encoder, ids, ["shared", "embed"])
    assert list(read.arrays) == ["shared#0", "shared#1", "embed"]
    with torch.no_grad():
        first = encoder.shared(encoder.embed(ids))
        second = encoder.shared(torch.relu(first))
    np.testing.assert_allclose(read.arrays["shared#0"], first.mean(1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(read.arrays["shared#1"], second.mean(1), rtol=1e-4, atol=1e-5)
    assert any("several times" in note and "shared#1" in note for note in read.notes)


def test_outputs_that_are_tuples_or_dataclasses(encoder, ids):
    read = read_activity(encoder, ids, ["recurrent", "inner", "shared"])
    np.testing.assert_allclose(read.arrays["inner"], read.arrays["shared#1"] + 1, rtol=1e-4, atol=1e-5)
    assert read.arrays["recurrent"].shape == (N, WIDTH)
    assert any("the first tensor (place 0) is read: recurrent" in note for note in read.notes)
    assert any("'hidden' is read: inner" in note for note in read.notes)


def test_the_tensor_in_an_output_is_found_and_replaced():
    one, two = torch.zeros(2), torch.ones(2)
    mapping = ModelOutput(last_hidden_state=one, pooler_output=two)
    loss = two.sum()
    sequences, named = (
        ((None, one, two), (loss, one), [one, two], (None, [(), (one,)], two)),
        ({"logits": one, "loss": loss}, mapping, {"states": (one, two), "loss": loss}, Frozen(one), Named(3, one)),
    )
    for output in (one, *sequences, *named, Plain(one, 3)):
        part = find_part(output, "x")
        assert part.tensor is one
        changed = part.put(two)
        assert type(changed) is type(output)
        assert find_part(changed, "x").tensor is two
        assert find_part(output, "x").tensor is one
    for output, message in (((), "without a tensor"), (None, "NoneType"), ({"a": one, "b": two}, "2 tensors .a, b.")):
        with pytest.raises(TypeError, match=message):
            find_part(output, "x")


def test_eval_mode_without_gradients_and_every_flag_back(encoder, ids):
    encoder.train()
    encoder.recurrent.eval()
    before = {name: module.training for name, module in encoder.named_modules()}
    one, again = (read_activity(encoder, ids, "shared").arrays["shared#1"] for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert {name: module.training for name, module in encoder.named_modules()} == before
    assert hooks(encoder) == 0
    assert all(parameter.grad is None for parameter in encoder.parameters())


def test_half_precision_comes_back_in_float32(encoder, ids):
    full = read_activity(encoder, ids, ["shared", "embed"]).arrays
    with torch.autocast("cpu", dtype=torch.bfloat16):
        read = read_activity(encoder, ids, ["shared", "embed"]).arrays
    assert {values.dtype for values in read.values()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(read["shared#0"], full["shared#0"], atol=0.02)
    assert (read["shared#0"] != full["shared#0"]).any()


def test_arrays_become_what_the_parameters_are():
    model, values = nn.Linear(3, 2), np.random.default_rng(0).normal(size=(N, 6))[::-1, ::2]
    read = read_activity(nn.Sequential(model), values, "0").arrays["0"]
    np.testing.assert_allclose(read, values @ model.weight.detach().numpy().T + model.bias.detach().numpy(), rtol=1e-4)


def test_a_loader_a_list_and_a_tensor_give_the_same(encoder, ids):
    whole = read_activity(encoder, ids, "embed").arrays["embed"]
    pairs = DataLoader(TensorDataset(ids, torch.arange(N)), batch_size=5)
    for inputs in (pairs, list(ids.split(7)), [ids[:3].numpy(), ids[3:].numpy()], {"input_ids": ids}):
        np.testing.assert_array_equal(read_activity(encoder, inputs, "embed").arrays["embed"], whole)
    assert any("tuples" in note for note in read_activity(encoder, pairs, "embed").notes)


def test_a_later_module_in_place_does_not_change_what_was_read():
    model, values = nn.Sequential(nn.Linear(3, 5), nn.ReLU(inplace=True)), torch.randn(N, 3)
    read = read_activity(model, values, "*").arrays
    assert (read["0"] < 0).any()
    np.testing.assert_array_equal(read["1"], read["0"].clip(0))


class Fickle(nn.Module):
    def __init__(self):
        super().__init__()
        self.step = nn.Identity()

    def forward(self, x):
        for _ in range(1 + (len(x) < 5)):
            x = self.step(x)
        return x


def test_calls_that_differ_between_batches_are_refused():
    with pytest.raises(ValueError, match=r"'step' is called 2 times .* and 1 times"):
        read_activity(Fickle(), torch.randn(7, 2), "step", batch_size=5)


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        (["embed", "spare"], ValueError, r"\['spare'\] were never called.*called were embed, shared"),
        ("turned", ValueError, r"'turned' returns shape \(15, 6\) for 3 stimuli"),
        ("count", TypeError, "'count' returns torch.int64"),
        ("single", ValueError, r"'single' returns shape \(3,\)"),
        ("embedd", ValueError, "did you mean 'embed'"),
    ],
)
def test_layers_that_cannot_be_read_are_refused_and_nothing_is_left_behind(encoder, ids, layers, error, message):
    encoder.train()
    with pytest.raises(error, match=message):
        read_activity(encoder, ids, layers)
    assert hooks(encoder) == 0
    assert encoder.drop.training


@pytest.mark.parametrize(
    ("inputs", "options", "error", "message"),
    [
        (torch.ones(0, 3), {}, ValueError, "at least one stimulus"),
        ([], {}, ValueError, "at least one stimulus"),
        (torch.tensor(1.0), {}, ValueError, "a single number"),
        ((torch.ones(2, 3), torch.ones(2, 3)), {}, TypeError, "inputs is a tuple"),
        (iter([torch.ones(2, 3)]), {}, TypeError, "only once"),
        (["a sentence"], {}, TypeError, "turn text into tokens"),
        ("a sentence", {}, TypeError, "got str"),
        (np.array(["a", "b"]), {}, TypeError, "turn text into tokens"),
        (3, {}, TypeError, "got int"),
        ({"x": torch.ones(2, 3), "y": torch.ones(3, 3)}, {}, ValueError, r"\{'x': 2, 'y': 3\} rows"),
        ({"x": 3}, {}, TypeError, "must hold an array"),
        ({"input_ids": [[3, 4]]}, {}, TypeError, 'request padding=True, return_tensors="pt"'),
        (DataLoader(TensorDataset(torch.ones(4, 3)), shuffle=True), {}, ValueError, "shuffle=False"),
        (torch.ones(2, 3), {"batch_size": 0}, ValueError, "batch size must be 1 or more"),
        (torch.ones(2, 3), {"device": "meta"}, ValueError, r"move it first, model.to\('meta'\)"),
        (torch.ones(2, 3), {"attention_mask": torch.ones(3, 3)}, ValueError, "each of the 2 stimuli, got 3"),
        (torch.ones(2, 3), {"attention_mask": torch.ones(2)}, ValueError, r"\[stimulus, token\]"),
        (torch.ones(2, 3), {"attention_mask": [[1, 1], [0, 0]]}, ValueError, "none at stimulus 1"),
        (torch.ones(2, 4, 3), {"attention_mask": torch.ones(2, 3)}, ValueError, "tokens of the layer"),
        (torch.ones(2, 3), {"pool": "max"}, ValueError, "pool must be one of mean, flatten, first, last"),
        ([torch.ones(2, 4, 3), torch.ones(2, 5, 3)], {"pool": "flatten"}, ValueError, "8 units in one batch and 10"),
        ([torch.ones(2, 4, 3), torch.ones(2, 3)], {}, ValueError, "2 axes in one batch and 3 in another"),
    ],
)
def test_inputs_that_cannot_be_read_are_refused(inputs, options, error, message):
    with pytest.raises(error, match=message):
        read_activity(nn.Sequential(nn.Linear(3, 2)), inputs, "0", **options)


def test_stimuli_are_counted_before_anything_runs():
    model = nn.Linear(3, 2)
    for inputs in (torch.ones(7, 3), {"x": torch.ones(7, 3)}, [torch.ones(4, 3), (torch.ones(3, 3), 0)]):
        assert Batches(inputs, model).n_stimuli == 7
        assert sum(len(batch) for batch in Batches(inputs, model, batch_size=2)) == 7
