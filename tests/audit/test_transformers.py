"""Models of Hugging Face, audited by the same call as any other: tiny ones, with weights drawn at random."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from activity import read_activity
from torch import nn

from repbias.audit.model import audit

transformers = pytest.importorskip("transformers")

N, LONGEST, WIDTH = 60, 7, 16
FAST = {"resamples": 100, "permutations": 50}
SMALL = {"vocab_size": 40, "hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2}
BERT = SMALL | {"intermediate_size": 24, "max_position_embeddings": 32}
BERT_LAYERS = ("embeddings.word_embeddings", "encoder.layer.*", "pooler")


def drawn(make: Callable[[], nn.Module]) -> nn.Module:
    """A model with large weights, so that no part of it does nothing; they are the same whatever was drawn before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = make()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.fixture(scope="module")
def bert() -> nn.Module:
    return drawn(lambda: transformers.BertModel(transformers.BertConfig(**BERT)))


@pytest.fixture(scope="module")
def gpt2() -> nn.Module:
    config = transformers.GPT2Config(vocab_size=40, n_positions=32, n_embd=WIDTH, n_layer=2, n_head=2)
    return drawn(lambda: transformers.GPT2Model(config))


@pytest.fixture(scope="module")
def texts() -> list[list[int]]:
    """Tokens of sentences of 2 to 7; the first of each is 1 or 2."""
    rng = np.random.default_rng(0)
    return [[1 + i % 2, *rng.integers(3, 40, size=rng.integers(1, LONGEST)).tolist()] for i in range(N)]


@pytest.fixture(scope="module")
def labels() -> dict[str, np.ndarray]:
    return {"first": np.arange(N) % 2, "nothing": np.random.default_rng(1).permutation(np.arange(N) % 2)}


def padded(texts, length=LONGEST, side="right", filler=0):
    """What a tokenizer returns, with positions that begin at the first token."""
    ids, mask = np.full((len(texts), length), filler), np.zeros((len(texts), length), dtype=np.int64)
    for row, tokens in enumerate(texts):
        place = slice(0, len(tokens)) if side == "right" else slice(length - len(tokens), length)
        ids[row, place], mask[row, place] = tokens, 1
    positions = np.maximum(mask.cumsum(1) - 1, 0)
    parts = {"input_ids": ids, "attention_mask": mask, "position_ids": positions}
    return transformers.BatchEncoding({name: torch.from_numpy(part) for name, part in parts.items()})


def one_by_one(model, texts, layers, pool):
    """The activity of sentences that are given one at a time, without padding or a mask."""
    read = [read_activity(model, {"input_ids": torch.tensor([tokens])}, layers, pool=pool).arrays for tokens in texts]
    return {layer: np.concatenate([one[layer] for one in read]) for layer in read[0]}


@pytest.mark.parametrize("pool", ["mean", "first", "last"])
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("which", ["bert", "gpt2"])
def test_padding_on_either_side_changes_no_number(which, side, pool, texts, request):
    model = request.getfixturevalue(which)
    layers = BERT_LAYERS[:2] if which == "bert" else ("wte", "h.*", "ln_f")
    expected = one_by_one(model, texts[:20], layers, pool)
    for length, filler in ((LONGEST, 0), (2 * LONGEST, 5)):
        tokens = padded(texts[:20], length, side, filler)
        read = read_activity(model, tokens, layers, pool=pool, batch_size=8)
        assert list(read.arrays) == list(expected)
        for layer, values in read.arrays.items():
            np.testing.assert_allclose(values, expected[layer], rtol=1e-4, atol=1e-4)
        assert "Padding is taken from the inputs' 'attention_mask'." in read.notes


def computed(report):
    """The results without those that are counted among random draws, which rounding may move by one."""
    return report.results[~report.results["measure"].isin(["detectable_r2", "false_positives"])]


@pytest.mark.parametrize("side", ["right", "left"])
def test_the_report_is_the_same_however_long_the_padding(bert, texts, labels, side):
    one, other = (
        audit(bert, padded(texts, length, side, filler), labels, BERT_LAYERS[:2], **FAST)
        for length, filler in ((LONGEST, 0), (2 * LONGEST, 5))
    )
    columns = ["value", "ci_low", "ci_high"]
    np.testing.assert_allclose(computed(one)[columns], computed(other)[columns], rtol=1e-2, atol=2e-3)
    assert one.statuses().equals(other.statuses())


def test_a_model_is_audited_with_what_it_does_when_edited(bert, texts, labels):
    report = audit(bert, padded(texts), labels, BERT_LAYERS, pool="first", **FAST)
    assert report.layers == ("embeddings.word_embeddings", "encoder.layer.0", "encoder.layer.1", "pooler")
    assert report.n_units == dict.fromkeys(report.layers, WIDTH)
    rows = report.results.set_index(["layer", "feature", "measure"]).value
    assert rows["embeddings.word_embeddings", "first", "r2"] == pytest.approx(1, abs=1e-6)  # one token or the other
    # The output that is compared is the last layer's first token, which moves by the distance of its class means: of
    # two classes alike in number, the square of that is four times the variance between them.
    last = (rows["encoder.layer.1", "first", measure] for measure in ("steering_output", "r2_unbiased"))
    assert next(last) == pytest.approx(4 * next(last), rel=0.2)
    assert any("output does not depend on what is read: pooler." in note for note in report.notes)
    assert bert.training == bert.pooler.training
    assert not any(module._forward_hooks for module in bert.modules())


@pytest.mark.parametrize("options", [{}, {"output_hidden_states": True}, {"return_dict": False}, {"use_cache": True}])
def test_options_reach_the_model_and_change_nothing(bert, texts, labels, options):
    tokens = {**padded(texts), **options}
    report = audit(bert, tokens, labels, "encoder.layer.0", interventions=("steering",), **FAST)
    plain = audit(bert, padded(texts), labels, "encoder.layer.0", interventions=("steering",), **FAST)
    np.testing.assert_allclose(computed(report).value, computed(plain).value, atol=1e-6)


def test_reports_are_read_from_the_models_own_output(texts, labels):
    model = drawn(lambda: transformers.BertForSequenceClassification(transformers.BertConfig(**BERT, num_labels=2)))
    tokens = {**padded(texts), "labels": torch.zeros(N, dtype=torch.int64)}  # so that a loss comes along

    def reports(output):
        return {"first": output.logits.argmax(-1)}

    told = audit(model, tokens, labels, "bert.encoder.layer.1", predict=reports, **FAST)
    with torch.no_grad():
        right = float((model.eval()(**padded(texts)).logits.argmax(-1).numpy() == labels["first"]).mean())
    assert any(f"first {100 * right:.1f} %" in note for note in told.notes)
    assert {"ablation_own", "steering_own"} <= set(told.results.measure)
    untold = audit(model, tokens, labels, "bert.encoder.layer.1", **FAST)
    assert {"ablation_output", "steering_output"} <= set(untold.results.measure)


def test_a_language_model_is_edited_in_its_last_token(texts, labels):
    config = transformers.GPT2Config(vocab_size=40, n_positions=32, n_embd=WIDTH, n_layer=2, n_head=2)
    model = drawn(lambda: transformers.GPT2LMHeadModel(config))
    report = audit(model, padded(texts, side="left"), labels, "transformer.h.*", pool="last", **FAST)
    rows = report.results[report.results.measure == "ablation_output"]
    assert list(rows.layer) == ["transformer.h.0"] * 2 + ["transformer.h.1"] * 2
    assert (rows.value > 0).all()


def test_shared_layers_are_read_and_edited_call_by_call(texts, labels):
    config = transformers.AlbertConfig(**BERT, embedding_size=8, num_hidden_groups=1)
    model = drawn(lambda: transformers.AlbertModel(config))
    report = audit(model, padded(texts), labels, "encoder.albert_layer_groups.0", **FAST)
    assert report.layers == ("encoder.albert_layer_groups.0#0", "encoder.albert_layer_groups.0#1")
    edited = report.results[report.results.measure == "ablation_output"]
    assert set(edited.layer) == set(report.layers)


@pytest.mark.parametrize("how", ["autocast", "bfloat16"])
def test_half_precision_is_read_and_edited(texts, labels, how):
    model = drawn(lambda: transformers.BertModel(transformers.BertConfig(**BERT)))
    full = audit(model, padded(texts), labels, "encoder.layer.*", **FAST).results
    if how == "bfloat16":
        model = model.to(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=how == "autocast"):
        half = audit(model, padded(texts), labels, "encoder.layer.*", **FAST).results
    for measure, apart in (("r2", 0.02), ("ablation_output", 0.1), ("steering_output", 0.1)):
        one, other = (rows[rows.measure == measure].value.to_numpy() for rows in (full, half))
        np.testing.assert_allclose(one, other, atol=apart)
        assert (one != other).any()
