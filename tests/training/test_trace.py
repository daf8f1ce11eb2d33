"""A traced and simplified function computes what the function computes, and may change things in place."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from repbias.models import MLP
from repbias.models.model import feature_loss
from repbias.training.trace import trace

aten = torch.ops.aten


def operations(module):
    return [node.target for node in module.graph.nodes if node.op == "call_function"]


def stacked(model, members=3, batch=16):
    networks = [model.build((12,), 2, torch.Generator().manual_seed(seed)).train() for seed in range(members)]
    parameters, buffers = stack_module_state(networks)
    parameters = {name: p.detach() for name, p in parameters.items()}

    def loss(parameters, buffers, inputs, labels):
        logits = functional_call(networks[0], parameters | buffers, (inputs,))
        return feature_loss(logits, labels, torch.ones(2), (2, 2))

    generator = torch.Generator().manual_seed(9)
    inputs = torch.rand(members, batch, 12, generator=generator)
    labels = torch.randint(0, 2, (members, batch, 2), generator=generator)
    return vmap(grad_and_value(loss)), (parameters, buffers, inputs, labels)


@pytest.mark.parametrize(
    "model",
    [
        MLP(widths=(16, 8)),
        MLP(widths=(33, 7), activation="tanh"),
        MLP(widths=(16, 16, 16), residual=True, norm="layer", activation="gelu"),
    ],
    ids=["plain", "odd widths", "residual"],
)
def test_the_simplified_graph_gives_the_eager_gradients(model):
    function, arguments = stacked(model)
    expected, expected_loss = function(*arguments)
    found, loss = trace(function, *arguments)(*arguments)
    torch.testing.assert_close(loss, expected_loss, rtol=1e-6, atol=0)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=1e-7)


def test_a_replay_follows_its_arguments_not_its_examples():
    function, arguments = stacked(MLP(widths=(16, 8)))
    replay = trace(function, *arguments)
    parameters, buffers, inputs, labels = arguments
    other = ({name: 2 * p for name, p in parameters.items()}, buffers, 1 - inputs, 1 - labels)
    expected, expected_loss = function(*other)
    found, loss = replay(*other)
    torch.testing.assert_close(loss, expected_loss, rtol=1e-6, atol=0)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


def test_buffers_are_updated_at_each_replay():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 2)
            self.register_buffer("seen", torch.zeros(2))

        def forward(self, x):
            y = self.linear(x)
            self.seen.add_(y.detach().sum(0))
            return y * self.seen

    networks = [Counts() for _ in range(3)]
    parameters, buffers = stack_module_state(networks)
    parameters = {name: p.detach() for name, p in parameters.items()}

    def loss(parameters, buffers, x):
        return functional_call(networks[0], parameters | buffers, (x,)).sum()

    eager = {name: b.clone() for name, b in buffers.items()}
    x = torch.rand(3, 5, 4)
    replay = trace(vmap(grad_and_value(loss)), parameters, {name: b.clone() for name, b in buffers.items()}, x)
    for _ in range(3):
        expected, _ = vmap(grad_and_value(loss))(parameters, eager, x)
        found, _ = replay(parameters, buffers, x)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(buffers["seen"], eager["seen"], rtol=1e-5, atol=1e-6)
    assert buffers["seen"].abs().min() > 0


def test_products_with_a_bias_are_fused():
    function, arguments = stacked(MLP(widths=(16, 8)))
    targets = operations(trace(function, *arguments))
    assert targets.count(aten.baddbmm.default) == 3
    assert aten.add.Tensor not in targets[: targets.index(aten.log1p.default)]


def plus(bias, a, b):
    return aten.add.Tensor(bias, aten.bmm.default(a, b))


A, B, BIAS = torch.rand(2, 16, 4), torch.rand(2, 4, 8), torch.rand(2, 16, 8)


def scaled_then_written(a):
    y = aten.mul.Scalar(a, 1)
    a.add_(1)
    return y


def scaled_view_then_written(a):
    y = aten.mul.Scalar(a[0], 1)
    a.view(-1).add_(1)
    return y


def written_after_scaling(a):
    y = aten.mul.Scalar(a, 1)
    y.relu_().sub_(1)
    return y, a + 0


def operand_written_before_the_sum(bias, a, b):
    product = aten.bmm.default(a, b)
    b.mul_(0)
    return aten.add.Tensor(bias, product)


def sum_written(bias, a, b):
    y = plus(bias, a, b)
    once = aten.mul.Scalar(y, 1)
    y.sub_(5)
    return once, y


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (plus, (BIAS, A, B)),
        (plus, (BIAS[:, :1], A, B)),
        (plus, (BIAS, A[:, :1], B)),  # the product is spread over the sum, which no baddbmm does
        (plus, (BIAS.double(), A, B)),
        (plus, (BIAS[:, :5, :3], A[:, :5], B[:, :, :3])),
        (scaled_then_written, (A,)),
        (scaled_view_then_written, (A,)),
        (written_after_scaling, (A,)),
        (operand_written_before_the_sum, (BIAS, A, B)),
        (sum_written, (BIAS, A, B)),
        (lambda a: aten.transpose.int(aten.transpose.int(a, 1, 2), 1, 2).add_(1), (A,)),
    ],
)
def test_simplifications_leave_the_values_and_the_writes(function, arguments):
    eager, replayed = ([argument.clone() for argument in arguments] for _ in range(2))
    replay = trace(function, *[argument.clone() for argument in arguments])
    torch.testing.assert_close(replay(*replayed), function(*eager), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(replayed, eager, rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(9, 9), (2, 33), (5, 7), (16, 3)])
def test_every_slice_of_a_product_is_what_it_is_elsewhere_in_the_stack(shape):
    """Alone (twice, as a stack of two) and as one of seven: bitwise."""
    rows, columns = shape
    left, right = torch.randn(7, rows, 32), torch.randn(7, 32, columns)

    def product(a, b):
        return aten.bmm.default(a, b)

    together = trace(product, left, right)(left, right)
    replay = trace(product, left[:2], right[:2])
    torch.testing.assert_close(together, left @ right)
    for row in range(7):
        alone = replay(left[[row, row]], right[[row, row]])
        assert torch.equal(alone[0], together[row])
        assert torch.equal(alone[1], together[row])


def test_randomness_is_refused():
    with pytest.raises(ValueError, match="draws random numbers"):
        trace(lambda x: x + torch.rand_like(x), torch.ones(3))
