"""Vision transformers: patches, what is read, and their cost."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from repbias.activations.editing import editing
from repbias.activations.layers import match_layers
from repbias.activations.reading import read_layers
from repbias.core.randomness import torch_rng
from repbias.models.vit import ViT

IMAGES = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
SMALL = ViT(patch=4, layers=2, width=16, heads=2)


def built(model=SMALL, size=16):
    return model.build((3, size, size), 20, torch_rng(0, "init")).eval()


def patches(images, side=4):
    """`[stimulus, 3, row, column]` -> `[stimulus, patch, value]`, row by row."""
    rows = [images[:, :, y : y + side, x : x + side].flatten(1) for y in range(0, 16, side) for x in range(0, 16, side)]
    return torch.stack(rows, dim=1)


def test_a_patch_is_embedded_by_a_linear_map_and_its_place():
    embedding = built().embedding
    weight = embedding.code.weight.flatten(1)
    torch.testing.assert_close(embedding(IMAGES), patches(IMAGES) @ weight.T + embedding.position)
    bound = (6 / (48 + 16)) ** 0.5  # Glorot's, for a map of 48 values to 16 units
    assert 0.95 * bound < weight.abs().max() < bound


def test_attention_sees_all_patches_and_only_the_positions_tell_them_apart():
    network = built()
    shuffled = torch.cat([IMAGES[:, :, 8:], IMAGES[:, :, :8]], dim=2)  # the lower half of the patches comes first
    assert not torch.allclose(network(IMAGES), network(shuffled), atol=1e-3)
    with torch.no_grad():
        network.embedding.position.zero_()
    torch.testing.assert_close(network(IMAGES), network(shuffled), rtol=1e-4, atol=1e-5)


def test_the_means_of_blocks_the_pool_and_the_readout_are_read():
    assert SMALL.layer_names == ("block.0.mean", "block.1.mean", "pool")
    assert SMALL.penultimate == "pool"
    network = built()
    assert set(match_layers(network, SMALL.all_layers)) > set(SMALL.layer_names)
    read = read_layers(network, IMAGES, ["block.*", *SMALL.layer_names, "readout"])
    for i in range(2):
        torch.testing.assert_close(read[f"block.{i}.mean"], read[f"block.{i}"].unflatten(1, (16, 16)).mean(1))
    stream = read["block.1"].unflatten(1, (16, 16))
    torch.testing.assert_close(read["pool"], network.norm(stream).mean(1))
    torch.testing.assert_close(read["readout"], network.readout(read["pool"]))
    with editing(network, {"pool": torch.zeros_like}):
        torch.testing.assert_close(network(IMAGES), network.readout.bias.expand(3, -1))


@pytest.mark.parametrize(("model", "size"), [(ViT(), 32), (SMALL, 16), (ViT(patch=2, mlp_width=24), 16)])
def test_connections_are_the_multiply_adds_that_torch_counts(model, size):
    with FlopCounterMode(display=False) as counter:
        built(model, size)(torch.rand(2, 3, size, size))
    assert model.connections((3, size, size), 20) == pytest.approx(counter.get_total_flops() / 4, rel=0.01)


def test_initial_weights_come_from_the_generator_alone():
    before = torch.random.get_rng_state()
    one, same = built().state_dict(), built().state_dict()
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(tensor, same[name]) for name, tensor in one.items())
    assert 0.015 < one["embedding.position"].std() < 0.025


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: ViT(width=30), r"width=30 .*heads=4.*set width to 32"),
        (lambda: SMALL.build((3, 18, 18), 2, torch_rng(0)), "18 px .*patches of 4 px; set patch to a divisor"),
        (lambda: SMALL.connections((48,), 2), "reads images"),
    ],
)
def test_wrong_sizes_are_refused(use, message):
    with pytest.raises(ValueError, match=message):
        use()
