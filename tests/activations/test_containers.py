"""Layers that return tuples, mappings, dataclasses and sequences, are shared, compiled or wrapped: read and edited."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from activity import read_activity
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from repbias.activations.editing import capture, editing
from repbias.activations.reading import read_layers
from repbias.measures.interventions.ablation import ablate
from repbias.measures.interventions.erasure import leace, projection_eraser
from repbias.measures.interventions.patching import patch, patch_subspace
from repbias.measures.interventions.steering import steer

N = 12


@dataclass
class Plain:
    hidden: Tensor
    length: int = 3


@dataclass(frozen=True)
class Frozen:
    hidden: Tensor


class Named(NamedTuple):
    length: int
    hidden: Tensor


CONTAINERS: dict[str, tuple[Callable[[Tensor], Any], Callable[[Any], Tensor]]] = {
    # name: (from the tensor to what the layer returns, and back)
    "tensor": (lambda x: x, lambda y: y),
    "tuple": (lambda x: (x, 2 * x), lambda y: y[0]),
    "tuple that begins with None": (lambda x: (None, x), lambda y: y[1]),
    "list": (lambda x: [x, 2 * x], lambda y: y[0]),
    "nested lists": (lambda x: [[(x,)], [2 * x]], lambda y: y[0][0][0]),
    "dict": (lambda x: {"loss": x.sum(), "logits": x}, lambda y: y["logits"]),
    "dict with the last hidden state": (
        lambda x: OrderedDict(last_hidden_state=x, pooled=2 * x), lambda y: y["last_hidden_state"],
    ),
    "dataclass": (Plain, lambda y: y.hidden),
    "frozen dataclass": (Frozen, lambda y: y.hidden),
    "named tuple": (lambda x: Named(3, x), lambda y: y.hidden),
}  # fmt: skip


class Wrapped(nn.Module):
    """`layer` puts what it computes in a container, `head` takes it out."""

    def __init__(self, container: str) -> None:
        super().__init__()
        put, take = CONTAINERS[container]
        self.layer = _Layer(put)
        self.head = _Head(take)

    def forward(self, x):
        return self.head(self.layer(x))


class _Layer(nn.Module):
    def __init__(self, put) -> None:
        super().__init__()
        self.linear, self.put = nn.Linear(3, 4), put

    def forward(self, x):
        return self.put(self.linear(x))


class _Head(nn.Module):
    def __init__(self, take) -> None:
        super().__init__()
        self.linear, self.take = nn.Linear(4, 2), take

    def forward(self, y):
        return self.linear(self.take(y))


@pytest.fixture
def inputs() -> Tensor:
    return torch.randn(N, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_layer_is_read_and_edited_in_any_container(container, inputs):
    torch.manual_seed(0)
    model = Wrapped(container).eval()
    with torch.no_grad():
        hidden = model.layer.linear(inputs)
        pushed = model.head.linear(hidden + 1)
        with editing(model, {"layer": lambda x: x + 1}):
            torch.testing.assert_close(model(inputs), pushed)
        with capture(model, ["layer"]) as seen:
            model(inputs)
    torch.testing.assert_close(seen["layer"], hidden)
    torch.testing.assert_close(read_layers(model, inputs, "layer")["layer"], hidden)
    np.testing.assert_allclose(read_activity(model, inputs, "layer").arrays["layer"], hidden, rtol=1e-5)


@pytest.mark.parametrize("container", ["tuple", "dict", "frozen dataclass"])
def test_measures_of_interventions_see_through_containers(container, inputs):
    torch.manual_seed(0)
    model, vector = Wrapped(container).eval(), [1.0, 0, 0, 0]
    plain = nn.Sequential(model.layer.linear, model.head.linear).eval()
    labels = (plain(inputs) > 0).long()
    for measure in (
        lambda m, layer: steer(m, inputs, layer, vector, [0.5, 5.0], feature=0, labels=torch.arange(N) % 2).flips,
        lambda m, layer: patch(m, inputs, inputs.flip(0), layer, units=[0, 2]).transferred,
        lambda m, layer: patch_subspace(m, inputs, inputs.flip(0), layer, vector).transferred,
        lambda m, layer: ablate(m, inputs, layer, projection_eraser(vector), labels).after,
    ):
        np.testing.assert_allclose(measure(model, "layer"), measure(plain, "0"))


FORMS: dict[str, Callable[[Tensor], Any]] = {
    "tensor": lambda x: x,
    "array": lambda x: x.numpy(),
    "array in double precision": lambda x: x.double().numpy(),
    "mapping": lambda x: {"input": x},
    "list of batches": lambda x: [x[:5], x[5:]],
    "list of mappings": lambda x: [{"input": x[:5]}, {"input": x[5:]}],
    "list of pairs": lambda x: [(x[:5], 0), (x[5:], 1)],
    "loader": lambda x: torch.utils.data.DataLoader(x, batch_size=5),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_measure_takes_the_same_inputs(form, inputs):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).eval()
    called = _Named(model)
    given, flipped = FORMS[form](inputs), FORMS[form](inputs.flip(0))
    with torch.no_grad():
        hidden, labels = model[0](inputs), (model(inputs) > 0).long()
    torch.testing.assert_close(read_layers(called, given, "model.0")["model.0"], hidden)
    vector = np.array([1.0, 0, 0, 0])
    for mine, reference in (
        (steer(called, given, "model.0", vector, [0.5, 5.0], feature=0, labels=np.arange(N) % 2),
         steer(called, inputs, "model.0", vector, [0.5, 5.0], feature=0, labels=np.arange(N) % 2)),
        (patch(called, given, flipped, "model.0", units=[1, 2]),
         patch(called, inputs, inputs.flip(0), "model.0", units=[1, 2])),
        (patch_subspace(called, given, flipped, "model.0", vector),
         patch_subspace(called, inputs, inputs.flip(0), "model.0", vector)),
        (ablate(called, given, "model.0", leace(hidden, labels[:, 0]), labels),
         ablate(called, inputs, "model.0", leace(hidden, labels[:, 0]), labels)),
    ):  # fmt: skip
        assert mine.table().equals(reference.table())


class _Named(nn.Module):
    """Takes its argument by the name `input`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input):
        return self.model(input)


def test_models_of_two_tensors_are_read_by_name(inputs):
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.add = nn.Bilinear(3, 3, 2)

        def forward(self, left, right):
            return self.add(left, right)

    model = Two()
    with torch.no_grad():
        expected = model(inputs, inputs.flip(0))
    given = {"right": inputs.flip(0), "left": inputs}
    torch.testing.assert_close(read_layers(model, given, "add", batch_size=5)["add"], expected)
    with pytest.raises(TypeError, match="forward takes"):
        read_layers(model, {"left": inputs, "write": inputs}, "add")


def test_a_mapping_is_the_only_argument_of_a_model_that_takes_one(inputs):
    class Features(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = nn.Linear(3, 2)

        def forward(self, features):
            return {**features, "out": self.hidden(features["x"])}

    model = Features()
    with torch.no_grad():
        expected = model.hidden(inputs)
    for given in ({"x": inputs}, [{"x": inputs[:5]}, {"x": inputs[5:]}]):
        torch.testing.assert_close(read_layers(model, given, "hidden")["hidden"], expected)


# --- sequences ----------------------------------------------------------------------------------------------------


class Packed(nn.Module):
    """An LSTM of packed sequences; the output is the mean over the steps that there are."""

    def __init__(self, enforce_sorted: bool) -> None:
        super().__init__()
        self.rnn, self.enforce_sorted = nn.LSTM(3, 4, batch_first=True), enforce_sorted

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=self.enforce_sorted)
        padded, counts = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return padded.sum(1) / counts[:, None]


@pytest.mark.parametrize("enforce_sorted", [False, True])
def test_packed_sequences_are_read_without_padding_and_edited(enforce_sorted):
    torch.manual_seed(0)
    lengths = torch.tensor([6, 6, 5, 4, 4, 3, 2, 2, 1]) if enforce_sorted else torch.tensor([2, 6, 1, 4, 5, 3])
    x, model = torch.randn(len(lengths), 6, 3), Packed(enforce_sorted).eval()
    with torch.no_grad():
        alone = [model.rnn(row[None, :length])[0][0] for row, length in zip(x, lengths, strict=True)]
    given = {"x": x, "lengths": lengths}
    for pool, pick in (("mean", lambda s: s.mean(0)), ("last", lambda s: s[-1]), ("first", lambda s: s[0])):
        read = read_layers(model, given, "rnn", pool=pool, batch_size=4)["rnn"]
        torch.testing.assert_close(read, torch.stack([pick(states) for states in alone]))
    with torch.no_grad(), editing(model, {"rnn": lambda states: 2 * states}):
        torch.testing.assert_close(model(x, lengths), torch.stack([2 * states.mean(0) for states in alone]))


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_nested_tensors_are_read_without_padding_and_edited():
    class Nested(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 4)

        def forward(self, x, lengths):
            rows = [row[:length] for row, length in zip(x, lengths.tolist(), strict=True)]
            out = self.layer(torch.nested.as_nested_tensor(rows))
            return torch.stack([row.mean(0) for row in out.unbind()])

    torch.manual_seed(0)
    lengths, model = torch.tensor([2, 6, 1, 4]), Nested()
    x = torch.randn(4, 6, 3)
    with torch.no_grad():
        expected = model(x, lengths)
        torch.testing.assert_close(
            read_layers(model, {"x": x, "lengths": lengths}, "layer", pool="mean")["layer"], expected
        )
        with editing(model, {"layer": lambda values: values + 1}):
            torch.testing.assert_close(model(x, lengths), expected + 1)


# --- calls and names ----------------------------------------------------------------------------------------------


def shared_in_order() -> tuple[nn.Module, list[str]]:
    act = nn.Tanh()
    return nn.Sequential(nn.Linear(3, 3), act, nn.Linear(3, 3), act, nn.Linear(3, 2)), ["1", "3"]


def shared_against_the_order() -> tuple[nn.Module, list[str]]:
    class Crossed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.second = self.first = nn.Tanh()
            self.one, self.two = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x):
            return self.second(self.two(self.first(self.one(x))))

    return Crossed(), ["first", "second"]


def shared_block() -> tuple[nn.Module, list[str]]:
    block = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    return nn.Sequential(block, nn.ModuleList([block])[0], nn.Linear(3, 2)), ["0.1", "1.1"]


@pytest.mark.parametrize("make", [shared_in_order, shared_against_the_order, shared_block])
def test_a_module_under_two_names_is_read_where_it_is_named(make, inputs):
    torch.manual_seed(0)
    model, names = make()
    model.eval()
    module = model.get_submodule(names[0])
    seen: list[Tensor] = []
    handle = module.register_forward_hook(lambda _m, _i, out: seen.append(out))
    with torch.no_grad():
        model(inputs)
    handle.remove()
    read = read_layers(model, inputs, names, batch_size=5)
    for name, output in zip(names, seen, strict=True):
        torch.testing.assert_close(read[name], output)
        torch.testing.assert_close(read_layers(model, inputs, name)[name], output)
    assert model.get_submodule(names[0]) is model.get_submodule(names[1]) is module
    assert not module._forward_hooks


def test_a_name_by_which_a_shared_module_is_not_called_is_refused_with_the_other_name(inputs):
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shared = nn.Linear(3, 2)
            self.encoder = nn.Sequential(self.shared)

        def forward(self, x):
            return self.encoder(x)

    model = Tied()
    with pytest.raises(ValueError, match=r"'shared' is the same module as encoder\.0"):
        read_layers(model, inputs, "shared")
    with torch.no_grad():
        torch.testing.assert_close(read_layers(model, inputs, "encoder.0")["encoder.0"], model.shared(inputs))


class Loop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.step, self.readout = nn.Linear(3, 3), nn.Linear(3, 2)

    def forward(self, x):
        return self.readout(self.step(torch.tanh(self.step(x))))


def test_calls_of_a_layer_are_named_by_number_everywhere(inputs):
    torch.manual_seed(0)
    model = Loop().eval()
    with torch.no_grad():
        first = model.step(inputs)
        second = model.step(torch.tanh(first))
        with capture(model, ["step"]) as seen:
            model(inputs)
        pushed = model.readout(second + 1)
        with editing(model, {"step#1": lambda x: x + 1}):
            torch.testing.assert_close(model(inputs), pushed)
    for found in (read_layers(model, inputs, "step"), seen):
        torch.testing.assert_close(found, {"step#0": first, "step#1": second})
    torch.testing.assert_close(read_layers(model, inputs, "step#1"), {"step#1": second})
    flips = steer(model, inputs, "step#1", [1.0, 0, 0], [4.0], feature=0, labels=torch.arange(N) % 2).flips
    with torch.no_grad():
        push = 4 * torch.tensor([1.0, 0, 0]) * (1 - 2 * (torch.arange(N) % 2))[:, None]
        expected = ((model.readout(second + push) > 0) != (model.readout(second) > 0)).double().mean(0)
    np.testing.assert_allclose(flips[0], expected)
    for measure, message in (
        (lambda: steer(model, inputs, "step", [1.0, 0, 0], [4.0], feature=0), "'step#0' or 'step#1'"),
        (lambda: patch(model, inputs, inputs, "step"), "'step#0' or 'step#1'"),
        (lambda: read_layers(model, inputs, "step#2"), "called 2 times .* no 'step#2'"),
    ):
        with pytest.raises(ValueError, match=message):
            measure()


# --- wrappers -----------------------------------------------------------------------------------------------------


def test_compiled_models_and_compiled_parts_are_read_and_edited(inputs):
    inner = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
    with torch.no_grad():
        expected, pushed = inner[:2](inputs), inner[2](inner[:2](inputs) + 1)
        whole = torch.compile(inner, backend="eager")
        part = nn.Sequential(torch.compile(inner, backend="eager"))
        for model, name in ((whole, "_orig_mod.1"), (part, "0._orig_mod.1")):
            model(inputs)
            torch.testing.assert_close(read_layers(model, inputs, name)[name], expected)
            with editing(model, {name: lambda x: x + 1}):
                torch.testing.assert_close(model(inputs), pushed)
            with pytest.raises(ValueError, match=r"_orig_mod\.1"):
                read_layers(model, inputs, name.replace("_orig_mod.", "") if model is whole else "1")


def test_layers_inside_data_parallel_are_read(inputs):
    inner = nn.Sequential(nn.Linear(3, 4), nn.ReLU()).eval()
    with torch.no_grad():
        expected = inner(inputs)
    model = nn.DataParallel(inner)
    torch.testing.assert_close(read_layers(model, inputs, "module.1")["module.1"], expected)


@pytest.mark.parametrize("how", ["script", "trace"])
def test_layers_inside_scripted_modules_are_refused(how, inputs):
    inner = nn.Sequential(nn.Linear(3, 4), nn.ReLU()).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        scripted = torch.jit.script(inner) if how == "script" else torch.jit.trace(inner, inputs)
    for model, layer in ((scripted, "0"), (nn.Sequential(scripted), "0.1")):
        with pytest.raises(ValueError, match="scripted or traced"):
            read_layers(model, inputs, layer)


def test_floating_point_inputs_become_what_the_parameters_are(inputs):
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).to(torch.bfloat16)
    with torch.no_grad():
        expected = model[0](inputs.to(torch.bfloat16))
    for given in (inputs, inputs.double(), inputs.numpy()):
        assert torch.equal(read_layers(model, given, "0")["0"], expected)


def test_an_overridden_train_method_is_called_and_what_it_changed_is_restored_to_the_last_bit(inputs):
    class Merging(nn.Linear):
        def __init__(self):
            super().__init__(3, 2)
            self.low, self.merged = nn.Parameter(torch.randn(2, 3)), False

        def train(self, mode=True):
            super().train(mode)
            if mode == self.merged:
                self.weight.data += (-1 if mode else 1) * self.low.data
                self.merged = not mode
            return self

        def forward(self, x):
            assert self.merged
            return super().forward(x)

    model = nn.Sequential(Merging(), nn.Dropout()).train()
    before = model[0].weight.detach().clone()
    expected = nn.functional.linear(inputs, before + model[0].low, model[0].bias).detach()
    torch.testing.assert_close(read_layers(model, inputs, "1")["1"], expected)
    assert torch.equal(model[0].weight, before)
    assert not model[0].merged
    assert model[0].training
    assert model[1].training


@pytest.mark.parametrize(
    ("model", "layers", "error", "message"),
    [
        (nn.Sequential(nn.Identity()), [], ValueError, "layers must"),
        (nn.Sequential(nn.Identity()), (), ValueError, "layers must"),
        (nn.Sequential(nn.Identity()), None, TypeError, "layers must"),
        (nn.Sequential(nn.Identity()), [1], TypeError, "layers must"),
        (nn.Sequential(nn.Identity()), 3, TypeError, "layers must"),
        (nn.Identity(), "*", ValueError, r"without submodules.*nn\.Sequential"),
    ],
)
def test_layers_that_name_nothing_are_refused(model, layers, error, message, inputs):
    with pytest.raises(error, match=message):
        read_layers(model, inputs, layers)


def test_no_hook_is_left_after_an_error_in_a_shared_module(inputs):
    model, names = shared_in_order()
    act = model[1]
    with pytest.raises(SystemError), editing(model, dict.fromkeys(names, _fail)):
        model(inputs)
    assert model[1] is model[3] is act
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())


def _fail(_values: Tensor) -> Tensor:
    raise SystemError


def test_a_mapping_of_options_reaches_the_model(inputs):
    class Optional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = nn.Linear(3, 2)

        def forward(self, x, options):
            assert options.scale == 2
            return self.hidden(options.scale * x)

    model = Optional()
    with torch.no_grad():
        expected = model.hidden(2 * inputs)
    given = {"x": inputs, "options": SimpleNamespace(scale=2)}
    torch.testing.assert_close(read_layers(model, given, "hidden", batch_size=5)["hidden"], expected)


# --- edits along the right axis -------------------------------------------------------------------------------------


class Recurrent(nn.Module):
    """A GRU over the steps of `[stimulus, step, 3]`, given with the stimuli or with the steps first."""

    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rnn = nn.GRU(3, 4, batch_first=batch_first, bidirectional=True)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        if self.rnn.batch_first:
            return self.head(self.rnn(x)[0].mean(1))
        return self.head(self.rnn(x.transpose(0, 1))[0].mean(0))


class Line(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.act, self.head = nn.Conv1d(3, 4, 2), nn.Tanh(), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.act(self.conv(x)).mean(2))


@pytest.mark.parametrize("batch", [5, N])
def test_steps_first_or_stimuli_first_makes_no_difference_to_interventions(batch):
    x, vector = torch.randn(N, 5, 3, generator=torch.Generator().manual_seed(0)), np.eye(8)[:2]
    first, last, labels = Recurrent(True).eval(), Recurrent(False).eval(), np.ones((N, 2))
    for measure in (
        lambda m: steer(m, x, "rnn", vector[0], [1.0, 3.0], feature=0, labels=np.arange(N) % 2, batch_size=batch).flips,
        lambda m: patch(m, x, x.flip(0), "rnn", units=[0, 5], batch_size=batch).transferred,
        lambda m: patch_subspace(m, x, x.flip(0), "rnn", vector, batch_size=batch).disturbed,
        lambda m: ablate(m, x, "rnn", projection_eraser(vector), labels, batch_size=batch).after,
    ):
        np.testing.assert_allclose(measure(first), measure(last))


def test_channels_of_a_line_are_edited_and_not_its_positions():
    model, x = Line().eval(), torch.randn(N, 3, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        act = model.act(model.conv(x))
        erased = act.clone()
        erased[:, 1] = 0
        expected = (model.head(erased.mean(2)) > 0).double().mean(0)
        mixed = act.clone()
        mixed[:, [0, 2]] = act.flip(0)[:, [0, 2]]
        before, source = model.head(act.mean(2)) > 0, model.head(act.flip(0).mean(2)) > 0
        patched = model.head(mixed.mean(2)) > 0
    found = ablate(model, x, "act", projection_eraser(np.eye(4)[1]), np.ones((N, 2)))
    np.testing.assert_allclose(found.after, expected)
    moved = patch(model, x, x.flip(0), "act", units=[0, 2])
    differ = before != source
    np.testing.assert_allclose(moved.transferred, ((patched == source) & differ).sum(0) / differ.sum(0))


def test_a_subspace_of_packed_sequences_is_erased_at_every_step():
    torch.manual_seed(0)
    model, lengths = Packed(False).eval(), torch.tensor([2, 6, 1, 4, 5, 3])
    x = torch.randn(6, 6, 3)
    given = {"x": x, "lengths": lengths}
    labels = np.ones((6, 4), dtype=int)
    found = ablate(model, given, "rnn", projection_eraser([1.0, 0, 0, 0]), labels)
    with torch.no_grad():
        expected = (model(x, lengths) > 0).double().mean(0)
    expected[0] = 0  # the first output is the first unit, of which nothing is left
    np.testing.assert_allclose(found.after, expected)
