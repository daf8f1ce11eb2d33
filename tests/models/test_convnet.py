"""The plain CNN: its maps, what is read of them, its initial weights, and its cost."""

from functools import partial

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from repbias.activations.editing import editing
from repbias.activations.layers import match_layers
from repbias.activations.reading import read_layers
from repbias.core.randomness import torch_rng
from repbias.models.convolutional import ConvNet

IMAGES = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def built(model, size=32, seed=0):
    return model.build((3, size, size), 20, torch_rng(seed, "init")).eval()


def test_every_stage_but_the_first_halves_the_map():
    shapes = {}
    network = built(ConvNet())
    for i, stage in enumerate(network.stage):
        stage.map.register_forward_hook(lambda _m, _i, out, i=i: shapes.update({i: tuple(out.shape[1:])}))
    assert network(IMAGES).shape == (5, 20)
    assert shapes == {0: (16, 32, 32), 1: (32, 16, 16), 2: (64, 8, 8), 3: (64, 4, 4)}


def test_what_is_read_is_the_mean_of_what_comes_before_it():
    model = ConvNet(channels=(8, 12, 16))
    assert model.layer_names == ("stage.0.mean", "stage.1.mean", "pool")
    assert model.penultimate == "pool"
    network = built(model)
    assert set(match_layers(network, model.all_layers)) > set(model.layer_names)
    read = read_layers(network, IMAGES, ["stage.*.map", *model.layer_names, "readout"])
    for i, name in enumerate(model.layer_names):
        places = read[f"stage.{i}.map"].unflatten(1, (model.channels[i], -1))
        torch.testing.assert_close(read[name], places.mean(2))
    torch.testing.assert_close(read["readout"], network.readout(read["pool"]))


def test_edits_of_the_pool_and_of_a_map_act_on_the_answer_and_edits_of_a_mean_do_not():
    network = built(ConvNet())
    before = network(IMAGES)
    for name, acts in (("pool", True), ("stage.1.map", True), ("stage.1.mean", False)):
        with editing(network, {name: lambda x: x + 1}):
            assert torch.equal(network(IMAGES), before) is not acts
    with editing(network, {"pool": torch.zeros_like}):
        torch.testing.assert_close(network(IMAGES), network.readout.bias.expand(5, -1))


@pytest.mark.parametrize("model", [ConvNet(), ConvNet(norm="batch", convolutions=2, channels=(8, 16))])
def test_connections_are_the_multiply_adds_that_torch_counts(model):
    with FlopCounterMode(display=False) as counter:
        built(model)(IMAGES)
    assert model.connections((3, 32, 32), 20) == counter.get_total_flops() / 2 / len(IMAGES)


def test_initial_weights_come_from_the_generator_alone():
    before = torch.random.get_rng_state()
    one, same, other = built(ConvNet(norm="batch")), built(ConvNet(norm="batch")), built(ConvNet(norm="batch"), seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, same.state_dict()[name])
    assert not torch.equal(one.readout.weight, other.readout.weight)


def test_he_s_weights_keep_the_mean_square_from_stage_to_stage():
    """Twelve convolutions of 64 channels: without the factor of 2 the last map would have 2^-12 of it."""
    network = built(ConvNet(channels=(64,) * 3, convolutions=4))
    read = read_layers(network, IMAGES, "stage.*.map")
    squares = [response.square().mean().item() for response in read.values()]
    assert all(0.2 < later / squares[0] < 5 for later in squares)


def test_norms_are_those_of_the_spec_and_replace_biases():
    kinds = {"none": nn.Identity, "batch": nn.BatchNorm2d, "group": nn.GroupNorm}
    for norm, kind in kinds.items():
        convolution, normed, activation = built(ConvNet(norm=norm, channels=(12, 16))).stage[0].layers[0]
        assert isinstance(normed, kind)
        assert isinstance(activation, nn.ReLU)
        assert (convolution.bias is None) is (norm != "none")
    groups = [built(ConvNet(norm="group", channels=(n,))).stage[0].layers[0][1].num_groups for n in (4, 12, 16, 64)]
    assert groups == [4, 4, 8, 8]


def test_what_is_no_image_and_images_too_small_are_refused():
    model = ConvNet(norm="batch")
    for shape, message in [
        ((32,), r"reads images .* got stimuli of shape \(32,\)"),
        ((32, 32, 3), r"got stimuli of shape \(32, 32, 3\)"),
        ((3, 7, 7), "7 px are too small .* at least 8 px"),
    ]:
        for method in (partial(model.connections, shape, 2), partial(model.build, shape, 2, torch_rng(0))):
            with pytest.raises(ValueError, match=message):
                method()
    assert built(model, size=8)(torch.rand(2, 3, 8, 8)).shape == (2, 20)
    assert model.connections((3, 8, 8), 20) < model.connections((3, 9, 9), 20)


def test_a_convnet_has_a_stage_at_least():
    with pytest.raises(ValidationError):
        ConvNet(channels=())
