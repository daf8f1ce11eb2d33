"""Which axis holds the stimuli and which the units: modules of every layout against what plain torch computes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from activity import read_activity
from torch import Tensor, nn
from torch.nn import functional

from repbias.activations.reading import read_layers

N = 7


class Block(nn.Module):
    """Modules by name, and a forward pass written as a function of them."""

    def __init__(self, forward: Callable[[Block, Tensor], object], **modules: nn.Module) -> None:
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)
        self._forward = forward

    def forward(self, x):
        return self._forward(self, x)


class Swish(nn.Module):
    """Elementwise, of a class that nobody knows."""

    def forward(self, x):
        return x * x.sigmoid()


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the second axis of a map, as ConvNeXt has it."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class GatedUnits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.both = nn.Linear(5, 12)

    def forward(self, x):
        value, gate = self.both(x).chunk(2, dim=-1)
        return value * functional.gelu(gate)


def sequential(*modules: nn.Module) -> nn.Module:
    return nn.Sequential(*modules)


def inverted_bottleneck() -> nn.Module:
    """ConvNeXt's block: channels last inside, channels second outside."""
    return Block(
        lambda m, x: x + m.up(functional.gelu(m.down(m.norm(m.depthwise(x).permute(0, 2, 3, 1))))).permute(0, 3, 1, 2),
        depthwise=nn.Conv2d(4, 4, 3, padding=1, groups=4),
        norm=nn.LayerNorm(4),
        down=nn.Linear(4, 6),
        up=nn.Linear(6, 4),
    )  # fmt: skip


def residual_convolution() -> nn.Module:
    return Block(
        lambda m, x: functional.relu(x + m.norm(m.conv(x))), conv=nn.Conv2d(4, 4, 3, padding=1), norm=nn.BatchNorm2d(4)
    )


def attention_heads(m: Block, x: Tensor) -> Tensor:
    split = m.split(m.project(x).reshape(len(x), -1, 2, 3).transpose(1, 2))
    return m.out(split.transpose(1, 2).flatten(2))


LINE, MAP, TOKENS = (N, 4, 8), (N, 4, 6, 6), (N, 6, 5)

CASES: dict[str, tuple[nn.Module, str, tuple[int, ...], int]] = {
    # name: (network, layer, shape of the inputs, axis of the units)
    "GroupNorm after Conv1d": (sequential(nn.Conv1d(4, 6, 3), nn.GroupNorm(2, 6)), "1", LINE, 1),
    "activation after Conv1d": (sequential(nn.Conv1d(4, 6, 3), nn.GELU()), "1", LINE, 1),
    "unknown activation after Conv1d": (sequential(nn.Conv1d(4, 6, 3), Swish()), "1", LINE, 1),
    "Dropout after Conv1d": (sequential(nn.Conv1d(4, 6, 3), nn.Tanh(), nn.Dropout()), "2", LINE, 1),
    "Dropout1d": (sequential(nn.Dropout1d()), "0", LINE, 1),
    "BatchNorm1d of a line": (sequential(nn.BatchNorm1d(4)), "0", LINE, 1),
    "InstanceNorm1d": (sequential(nn.InstanceNorm1d(4)), "0", LINE, 1),
    "pooling": (sequential(nn.MaxPool1d(2)), "0", LINE, 1),
    "activation before Conv1d": (sequential(nn.ReLU(), nn.Conv1d(4, 6, 3)), "0", LINE, 1),
    "two activations before Conv2d": (sequential(nn.ReLU(), nn.Tanh(), nn.Conv2d(4, 6, 3)), "0", MAP, 1),
    "Sequential of a convolution": (sequential(sequential(nn.Conv2d(4, 6, 3), nn.ReLU())), "0", MAP, 1),
    "residual block of convolutions": (sequential(residual_convolution()), "0", MAP, 1),
    "upsampling": (sequential(nn.Upsample(scale_factor=2)), "0", MAP, 1),
    "channels last inside a block": (sequential(inverted_bottleneck()), "0", MAP, 1),
    "norm of a block with channels last": (sequential(inverted_bottleneck()), "0.norm", MAP, 3),
    "LayerNorm over the second axis": (sequential(ChannelNorm(4)), "0", MAP, 1),
    "LayerNorm of [stimulus, row, column, unit]": (sequential(nn.LayerNorm(6)), "0", MAP, 3),
    "LayerNorm over several axes, after a convolution": (
        sequential(nn.Conv2d(4, 4, 1), nn.LayerNorm((4, 6, 6))), "1", MAP, 1,
    ),
    "Linear of [stimulus, row, column, unit]": (sequential(nn.Linear(6, 3)), "0", MAP, 3),
    "activation after Linear": (sequential(nn.Linear(5, 9), nn.GELU()), "1", TOKENS, 2),
    "activation before Linear": (sequential(nn.GELU(), nn.Linear(5, 9)), "0", TOKENS, 2),
    "RMSNorm": (sequential(nn.RMSNorm(5)), "0", TOKENS, 2),
    "gated units": (sequential(GatedUnits()), "0", TOKENS, 2),
    "LSTM": (sequential(nn.LSTM(5, 3, batch_first=True)), "0", TOKENS, 2),
    "encoder layer": (sequential(nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)), "0", (N, 5, 6), 2),
    "patches of an image": (
        sequential(nn.Conv2d(4, 5, 2, 2), Block(lambda m, x: x.flatten(2).transpose(1, 2))), "1", MAP, 2,
    ),
    "tokens of a class and of patches": (
        sequential(nn.Linear(5, 5), Block(lambda m, x: torch.cat([torch.zeros(len(x), 1, 5), x], 1))), "1", TOKENS, 2,
    ),
    "product with a matrix": (sequential(Block(lambda m, x: x @ torch.ones(5, 3))), "0", TOKENS, 2),
    "every second step after Conv1d": (
        sequential(nn.Conv1d(4, 6, 3), Block(lambda m, x: x[:, :, ::2])), "1", LINE, 1,
    ),
    "what attention returns": (
        Block(attention_heads, project=nn.Linear(5, 6), split=nn.Identity(), out=nn.Linear(6, 4)), "out", TOKENS, 2,
    ),
}  # fmt: skip


def randomised(model: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model.eval()


def outputs_of(model: nn.Module, layer: str, inputs: Tensor) -> Tensor:
    """What the layer returns, by a hook that is written out here."""
    seen = []
    handle = model.get_submodule(layer).register_forward_hook(lambda _m, _i, out: seen.append(out))
    with torch.no_grad():
        model(inputs)
    handle.remove()
    return seen[0][0] if isinstance(seen[0], tuple) else seen[0]


@pytest.mark.parametrize("name", CASES)
def test_units_are_read_along_their_axis(name):
    model, layer, shape, unit = CASES[name]
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    output = outputs_of(randomised(model), layer, inputs)
    others = tuple(axis for axis in range(1, output.ndim) if axis != unit)
    for batch in (N, 3, 4):
        read = read_layers(model, inputs, layer, pool="mean", batch_size=batch)[layer]
        torch.testing.assert_close(read, output.mean(others), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(read_layers(model, inputs, layer)[layer], output.flatten(1))


TIME_FIRST: dict[str, nn.Module] = {
    "LSTM": nn.LSTM(4, 4),
    "GRU in both directions": nn.GRU(4, 4, bidirectional=True),
    "RNN of two layers": nn.RNN(4, 4, num_layers=2),
    "encoder layer": nn.TransformerEncoderLayer(4, 2, 8),
    "attention": nn.MultiheadAttention(4, 2),
    "Linear": nn.Linear(4, 4),
    "activation": nn.Sequential(nn.Linear(4, 4), nn.ReLU()),
}


@pytest.mark.parametrize("batch", [3, 5, 6])
@pytest.mark.parametrize("name", TIME_FIRST)
def test_stimuli_are_told_from_time_where_time_comes_first(name, batch):
    """Also where a batch has as many stimuli as there are steps: 3, 5 or 6."""
    layer = randomised(TIME_FIRST[name])

    def forward(m, x):
        turned = x.transpose(0, 1)
        return m.layer(turned, turned, turned) if name == "attention" else m.layer(turned)

    model = Block(forward, layer=layer)
    for steps in (3, 5, 6):
        inputs = torch.randn(15, steps, 4)
        with torch.no_grad():
            output = forward(model, inputs)
        output = output[0] if isinstance(output, tuple) else output
        read = read_layers(model, inputs, "layer", pool="mean", batch_size=batch)["layer"]
        torch.testing.assert_close(read, output.mean(0), rtol=1e-4, atol=1e-5)
        last = read_layers(model, inputs, "layer", pool="last", batch_size=batch)["layer"]
        torch.testing.assert_close(last, output[-1], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(
            read_layers(model, inputs, "layer", batch_size=batch)["layer"], output.transpose(0, 1).flatten(1)
        )


@pytest.mark.parametrize("shape", [(N, 4, 5), (N, 4, 5, 6), (N, 5, 5), (3, 3, 3)])
def test_axes_that_nothing_shows_are_refused_with_the_way_to_name_them(shape):
    model, inputs = nn.Sequential(nn.Identity()), torch.randn(shape)
    with pytest.raises(ValueError, match=r"axes=\{'0': 'stimulus .*unit'\}"):
        read_layers(model, inputs, "0", pool="mean")
    torch.testing.assert_close(read_layers(model, inputs, "0")["0"], inputs.flatten(1))


def test_heads_are_refused_until_their_axes_are_named():
    model = randomised(CASES["what attention returns"][0])
    inputs = torch.randn(N, 6, 5)
    output = outputs_of(model, "split", inputs)
    with pytest.raises(ValueError, match="which axis holds its units"):
        read_layers(model, inputs, "split", pool="mean")
    for axes in ("stimulus head token unit", {"split": "stimulus head token unit"}):
        read = read_layers(model, inputs, "split", pool="mean", axes=axes)["split"]
        torch.testing.assert_close(read, output.mean((1, 2)))


@pytest.mark.parametrize(
    ("axes", "mean"), [("stimulus unit time", (2,)), ("stimulus time channel", (1,)), ("time stimulus unit", None)]
)
def test_named_axes_decide_where_the_modules_do_not(axes, mean):
    model, inputs = nn.Sequential(nn.Identity()), torch.randn(N, 4, 5)
    if mean is None:
        model, inputs = Block(lambda m, x: m.a(x.transpose(0, 1)), a=nn.Identity()), torch.randn(N, N, 5)
    name = "0" if mean else "a"
    read = read_layers(model, inputs, name, pool="mean", axes=axes)[name]
    torch.testing.assert_close(read, inputs.mean(mean or (1,)))


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ("stimulus unit time", "contradicts the modules"),
        ("stimulus unit", "fits none"),
        ({"0": "stimulus unit"}, "names 2 axes .*has 3"),
        ({"1": "stimulus time unit"}, "'1' fits none"),
        ("batch time unit", "one of them 'stimulus' and one 'unit'"),
    ],
)
def test_axes_that_contradict_the_layer_are_refused(axes, message):
    with pytest.raises(ValueError, match=message):
        read_layers(nn.Sequential(nn.Linear(5, 5)), torch.randn(N, 4, 5), "0", pool="mean", axes=axes)


def test_axes_by_layer_overrule_the_modules():
    inputs = torch.randn(N, 4, 5)
    model = nn.Sequential(nn.Linear(5, 5))
    with torch.no_grad():
        expected = model(inputs).mean(2)
    read = read_layers(model, inputs, "0", pool="mean", axes={"0": "stimulus unit time"})["0"]
    torch.testing.assert_close(read, expected)


def test_the_mask_of_other_tokens_does_not_apply():
    class Towers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.text, self.image = nn.Embedding(9, 3), nn.Linear(4, 3)

        def forward(self, ids, attention_mask, patches):
            return self.text(ids).sum(1) + self.image(patches).sum(1)

    mask = torch.ones(N, 6)
    mask[:, 2:] = 0
    inputs = {"ids": torch.randint(0, 9, (N, 6)), "attention_mask": mask, "patches": torch.randn(N, 5, 4)}
    model = Towers()
    read = read_activity(model, inputs, ["text", "image"])
    with torch.no_grad():
        text, image = model.text(inputs["ids"])[:, :2].mean(1), model.image(inputs["patches"]).mean(1)
    torch.testing.assert_close(torch.from_numpy(read.arrays["text"]), text)
    torch.testing.assert_close(torch.from_numpy(read.arrays["image"]), image)
    assert any("does not apply: image" in note for note in read.notes)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_a_mixture_of_experts_and_nested_tensors_beside_a_layer_do_not_hide_its_axes():
    def forward(m, x):
        flat = m.up(x.reshape(-1, 5))
        gathered = torch.zeros(len(flat), 6).index_add_(0, torch.arange(len(flat)), flat)
        torch.nested.as_nested_tensor([row for row in x])
        return m.shown(gathered.reshape(len(x), -1, 6))

    model = randomised(Block(forward, up=nn.Linear(5, 6), shown=nn.Identity()))
    inputs = torch.randn(N, 4, 5)
    read = read_layers(model, inputs, "shown", pool="mean")["shown"]
    torch.testing.assert_close(read, outputs_of(model, "shown", inputs).mean(1))
