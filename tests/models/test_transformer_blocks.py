"""Layers written out are those of torch, with the same weights."""

import pytest
import torch
from torch import nn

from repbias.models.attention import Attention, BlockShape, DecoderLayer, EncoderLayer, attend, causal_mask
from repbias.models.decoding import SinusoidalPositions, initialise

SHAPE = BlockShape(width=16, heads=4, mlp_width=24, dropout=0.0)
TORCH = {"nhead": 4, "dim_feedforward": 24, "dropout": 0.0, "norm_first": True, "batch_first": True}


def made(module):
    """Random weights everywhere, biases and norms included, so that none can be left out unnoticed."""
    initialise(module, torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return module


def copy(attention, into):
    projections = attention.query, attention.key, attention.value
    into.in_proj_weight.data = torch.cat([p.weight for p in projections])
    into.in_proj_bias.data = torch.cat([p.bias for p in projections])
    into.out_proj.load_state_dict(attention.out.state_dict())


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_scaled_dot_product_attention(causal):
    query, key, value = torch.randn(3, 5, 4, 7, 8).unbind(0)
    hidden = causal_mask(7, 7, query.device) if causal else None
    expected = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=causal)
    torch.testing.assert_close(attend(query, key, value, hidden), expected, rtol=1e-5, atol=1e-6)


def test_a_query_sees_what_came_before_it_and_itself():
    seen = ~causal_mask(2, 5, torch.device("cpu"))
    assert seen.tolist() == [[True, True, True, True, False], [True, True, True, True, True]]


def test_heads_are_those_of_multihead_attention():
    attention, reference = made(Attention(16, 4)), nn.MultiheadAttention(16, 4, batch_first=True)
    copy(attention, reference)
    x, context = torch.randn(5, 3, 16), torch.randn(5, 7, 16)
    expected, _ = reference(x, context, context)
    torch.testing.assert_close(attention(x, attention.keys_and_values(context)), expected, rtol=1e-5, atol=1e-6)


def test_an_encoder_layer_is_torchs():
    layer, reference = made(EncoderLayer(SHAPE, 7)), nn.TransformerEncoderLayer(16, **TORCH)
    copy(layer.attention, reference.self_attn)
    for own, theirs in [
        (layer.attention_norm, reference.norm1),
        (layer.mlp_norm, reference.norm2),
        (layer.mlp.hidden, reference.linear1),
        (layer.mlp.out, reference.linear2),
    ]:
        theirs.load_state_dict(own.state_dict())
    x = torch.randn(5, 7, 16)
    output = layer.step(x)
    torch.testing.assert_close(output.stream, reference(x), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(x + output.attention + output.mlp, output.stream)
    causal = nn.Transformer.generate_square_subsequent_mask(7)
    hidden = causal_mask(7, 7, x.device)
    torch.testing.assert_close(layer.step(x, hidden).stream, reference(x, src_mask=causal), rtol=1e-5, atol=1e-5)


def test_a_decoder_layer_is_torchs():
    layer, reference = made(DecoderLayer(SHAPE)), nn.TransformerDecoderLayer(16, **TORCH)
    copy(layer.attention, reference.self_attn)
    copy(layer.cross_attention, reference.multihead_attn)
    for own, theirs in [
        (layer.attention_norm, reference.norm1),
        (layer.cross_norm, reference.norm2),
        (layer.mlp_norm, reference.norm3),
        (layer.mlp.hidden, reference.linear1),
        (layer.mlp.out, reference.linear2),
    ]:
        theirs.load_state_dict(own.state_dict())
    x, string = torch.randn(5, 4, 16), torch.randn(5, 7, 16)
    expected = reference(x, string, tgt_mask=nn.Transformer.generate_square_subsequent_mask(4))
    found = layer(x, layer.cross_attention.keys_and_values(string), causal_mask(4, 4, x.device))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_keys_of_the_past_give_what_one_sequence_gives():
    layer, x = made(EncoderLayer(SHAPE, 7)), torch.randn(5, 9, 16)
    whole = layer.step(x, causal_mask(9, 9, x.device)).stream
    past = layer.step(x[:, :6], causal_mask(6, 6, x.device))
    rest = layer.step(x[:, 6:], causal_mask(3, 9, x.device), past.context)
    torch.testing.assert_close(torch.cat([past.stream, rest.stream], dim=1), whole, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("residual", [0.0, 0.5, 1.0])
def test_residual_scales_the_path_beside_attention_and_mlp(residual):
    layer, x = made(EncoderLayer(SHAPE, 7, residual=residual)), torch.randn(5, 7, 16)
    output = layer.step(x)
    after_attention = residual * x + output.attention
    torch.testing.assert_close(output.mlp, layer.mlp(layer.mlp_norm(after_attention)), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(output.stream, residual * after_attention + output.mlp, rtol=1e-5, atol=1e-6)


def test_without_residual_path_nothing_passes_by_what_is_written():
    layer, x = made(EncoderLayer(SHAPE, 7, residual=0.0)), torch.randn(5, 7, 16)
    with torch.no_grad():
        for parameter in layer.mlp.out.parameters():
            parameter.zero_()
    assert not layer.step(x).stream.any()


def test_sinusoids_are_those_of_attention_is_all_you_need():
    positions = SinusoidalPositions(5, 8, first=3)
    added = positions(torch.zeros(2, 5, 8))
    for place in range(5):
        for pair in range(4):
            angle = torch.tensor((place + 3) / 10000 ** (2 * pair / 8))
            torch.testing.assert_close(added[1, place, 2 * pair], angle.sin(), rtol=0, atol=1e-6)
            torch.testing.assert_close(added[1, place, 2 * pair + 1], angle.cos(), rtol=0, atol=1e-6)
