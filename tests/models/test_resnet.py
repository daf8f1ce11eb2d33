"""Residual networks, and the same networks without their skips."""

import pytest
import torch
from torch.nn.functional import relu
from torch.utils.flop_counter import FlopCounterMode

from repbias.activations.reading import read_layers
from repbias.core.randomness import torch_rng
from repbias.models.convolutional import BasicBlock, ResNet

IMAGES = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
RESNET_18 = ResNet(widths=(64, 128, 256, 512), stem="large")
SMALL = {"widths": (8, 16), "blocks": (2, 1)}


def built(model, size=32, outputs=20):
    return model.build((3, size, size), outputs, torch_rng(0, "init")).eval()


def test_the_resnet_18_has_its_known_size():
    network = built(RESNET_18, size=224, outputs=1000)
    assert sum(p.numel() for p in network.parameters()) == 11_689_512  # He et al. 2016, as published in torchvision
    assert RESNET_18.connections((3, 224, 224), 1000) == 1_814_073_344  # "1.8 x 10^9 FLOPs"


def test_maps_have_the_sizes_of_their_stem():
    large, small = built(RESNET_18, size=64), built(ResNet())
    assert read_layers(large, torch.rand(1, 3, 64, 64), "stage.0.map")["stage.0.map"].shape == (1, 64 * 16**2)
    assert read_layers(large, torch.rand(1, 3, 64, 64), "stage.3.map")["stage.3.map"].shape == (1, 512 * 2**2)
    assert read_layers(small, IMAGES, "stage.0.map")["stage.0.map"].shape == (6, 16 * 32**2)
    assert read_layers(small, IMAGES, "stage.3.map")["stage.3.map"].shape == (6, 64 * 4**2)


@pytest.mark.parametrize("norm", ["none", "batch", "group"])
def test_without_skips_all_else_is_the_same(norm):
    with_skips, without = built(ResNet(norm=norm)), built(ResNet(norm=norm, skips=False))
    both, fewer = with_skips.state_dict(), without.state_dict()
    gone = both.keys() - fewer.keys()
    assert gone
    assert all("projection" in name for name in gone)
    for name, tensor in fewer.items():
        assert torch.equal(tensor, both[name]), name
    assert not torch.allclose(with_skips(IMAGES), without(IMAGES))


@pytest.mark.parametrize(("norm", "scale"), [("batch", 1.0), ("none", 2**-0.5)])
def test_a_block_adds_its_input_to_what_its_convolutions_make_of_it(norm, scale):
    network = built(ResNet(norm=norm, **SMALL))
    x = torch.randn(4, 8, 6, 6)
    block = network.stage[0].layers[1]
    torch.testing.assert_close(block(x), relu(scale * (block.second(relu(block.first(x))) + x)))
    block = network.stage[1].layers[0]
    branch = block.second(relu(block.first(x)))
    assert branch.shape == (4, 16, 3, 3)
    torch.testing.assert_close(block(x), relu(scale * (branch + block.projection(x))))
    block.skip = False
    torch.testing.assert_close(block(x), relu(branch))


def test_a_skip_is_projected_only_where_shapes_differ():
    network = built(ResNet(widths=(8, 8), blocks=(2, 2)))
    projected = [hasattr(block, "projection") for stage in network.stage for block in stage.layers]
    assert projected == [False, False, True, False]
    assert not any(hasattr(m, "projection") for m in built(ResNet(skips=False)).modules() if isinstance(m, BasicBlock))


@pytest.mark.parametrize("model", [ResNet(norm="none", skips=False), ResNet(norm="none", blocks=(4, 4, 4, 4))])
def test_networks_without_norm_begin_with_signals_and_gradients_of_usual_size(model):
    """Sums that are not scaled would make the last map of 16 blocks 2^16 times as large, in mean square."""
    network = built(model)
    read = read_layers(network, IMAGES, ["stage.0.map", "stage.3.map"])
    first, last = (response.square().mean().item() for response in read.values())
    assert 0.02 < last / first < 50
    network(IMAGES).square().mean().backward()
    gradients = [p.grad.norm().item() for name, p in network.named_parameters() if name.endswith("0.weight")]
    assert min(gradients) > 1e-3
    assert max(gradients) < 1e3


@pytest.mark.parametrize("model", [ResNet(), ResNet(norm="none", skips=False), ResNet(**SMALL, stem="large")])
def test_connections_are_the_multiply_adds_that_torch_counts(model):
    with FlopCounterMode(display=False) as counter:
        built(model)(IMAGES)
    assert model.connections((3, 32, 32), 20) == counter.get_total_flops() / 2 / len(IMAGES)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: ResNet(blocks=(2, 2, 2)), "4 stages and blocks=.* 3"),
        (lambda: built(RESNET_18, size=31), "31 px are too small .* at least 32 px"),
    ],
)
def test_wrong_sizes_are_refused(use, message):
    with pytest.raises(ValueError, match=message):
        use()
    built(RESNET_18, size=32)(IMAGES)
