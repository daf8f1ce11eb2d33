"""The audit of a stream is that of the same activity in memory, whatever the chunks and the kind of number."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch
from activity import read_activity
from torch import nn

from repbias.audit.arrays import audit_arrays
from repbias.audit.estimates import contributions, coordinates
from repbias.audit.inputs import check_stimuli
from repbias.audit.stream.audit import audit_stream, stream_activity
from repbias.audit.stream.plan import stream_plan
from repbias.audit.stream.sums import read_sums
from repbias.features.folds import assign_folds
from repbias.features.values import Values
from repbias.measures.variance.predictions import folded, held_out_predictions

QUICK = {"resamples": 100, "permutations": 50}
OF_ALL = ["r2", "r2_unbiased", "r2_unique", "r2_common", "density_0.1", "rdm_share", "chance"]


def activity(n=800, n_units=24, seed=0):
    """Return two layers, and a loud, a quiet and an absent feature, and the loud one's echo; classes are unequal."""
    rng = np.random.default_rng(seed)
    labels = {
        "loud": (rng.random(n) < 0.3).astype(int),
        "quiet": rng.integers(0, 3, n),
        "absent": rng.integers(0, 4, n),
    }
    labels["echo"] = np.where(rng.random(n) < 0.9, labels["loud"], 1 - labels["loud"])
    x = rng.normal(size=(n, n_units))
    x[:, :2] *= 0.1
    x += labels["loud"][:, None] * rng.normal(size=n_units)
    x[:, :2] += 0.3 * np.eye(3, 2)[labels["quiet"]]
    return {"full": x, "noise": rng.normal(size=(n, 7))}, labels


def in_chunks(layers, size=190):
    n = len(next(iter(layers.values())))
    return ({name: x[at : at + size] for name, x in layers.items()} for at in range(0, n, size))


def table(report, measures=OF_ALL, column="value"):
    kept = report.results[report.results["measure"].isin(measures)]
    return kept.set_index(["layer", "feature", "measure"])[column].sort_index()


def as_in_memory(report, layers, labels):
    """Assert that R2 is, to 1e-5, what the regressions on all of the activity at once give, with the folds of a seed
    of 0."""
    codes = {name: np.eye(y.max() + 1)[y] for name, y in labels.items()}
    fold_of = assign_folds(np.column_stack(list(labels.values())), seed=0)
    found = table(report)
    for layer, x in layers.items():
        of_layer = coordinates(x)
        activity, kernel = folded(of_layer.scores, fold_of), folded(of_layer.kernel_scores, fold_of)
        joint = explained(activity, list(codes.values()))
        expected = {("(all)", "r2"): joint.r2, ("(all)", "r2_unbiased"): joint.r2_unbiased}
        for name, code in codes.items():
            others = [other for other in codes if other != name]
            without = r2(activity, [codes[other] for other in others]) if others else 0.0
            expected[name, "r2"] = explained(activity, [code]).r2
            expected[name, "r2_unbiased"] = r2(activity, [code])
            expected[name, "r2_unique"] = joint.r2_unbiased - without
            expected[name, "r2_common"] = expected[name, "r2_unbiased"] - expected[name, "r2_unique"]
            expected[name, "rdm_share"] = r2(kernel, [code])
        for (name, measure), value in expected.items():
            assert found[layer, name, measure] == pytest.approx(value, abs=1e-5), (layer, name, measure)


def explained(activity, codes):
    values = Values("continuous", activity.fold_of, columns=np.hstack(codes))
    predictions = held_out_predictions(activity.x, values, activity.fold_of)
    return contributions(activity.x, predictions, activity.deviations)


def r2(activity, codes):
    return explained(activity, codes).r2_unbiased


@pytest.fixture(scope="module")
def both():
    layers, labels = activity(seed=1)
    return audit_stream(in_chunks(layers), labels), audit_arrays(layers, labels, **QUICK | {"resamples": 500})


def test_all_that_is_explained_is_what_the_audit_of_arrays_finds(both):
    stream, arrays = both
    found, expected = table(stream), table(arrays)
    assert list(found.index) == list(expected.index)
    assert found.to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-5)
    for one in ("units", "components"):
        keys = [column for column in getattr(arrays, one) if column not in ("r2", "r2_unbiased", "share")]
        merged = getattr(stream, one).merge(getattr(arrays, one), on=keys, validate="one_to_one")
        assert len(merged) == len(getattr(arrays, one))
        for kind in ("r2", "r2_unbiased"):
            assert merged[f"{kind}_x"].to_numpy() == pytest.approx(merged[f"{kind}_y"].to_numpy(), abs=1e-5)
    assert (stream.n_units, stream.n_stimuli, stream.classes) == (arrays.n_units, arrays.n_stimuli, arrays.classes)


def test_where_all_stimuli_are_kept_intervals_are_those_of_the_audit_of_arrays(both):
    pooled = ["r2", "r2_unbiased", "r2_unique", "r2_common", "rdm_share"]
    for end in ("ci_low", "ci_high"):
        found, expected = (table(report, pooled, end).to_numpy() for report in both)
        assert found == pytest.approx(expected, abs=1e-5)
    for measure, apart in (("density_0.1", 0.1), ("participation", 3)):  # of other blocks, and more stimuli in each
        for column in ("value", "ci_low", "ci_high"):
            found, expected = (table(report, [measure], column)["full", "loud", measure] for report in both)
            assert found == pytest.approx(expected, abs=apart)


def test_what_is_present_has_the_same_status_and_what_is_absent_is_not_detected(both):
    streamed, whole = (report.statuses() for report in both)
    present = (streamed["layer"] == "full") & (streamed["feature"] != "absent")
    assert streamed[present].equals(whole[present])
    assert set(streamed[present]["status"]) == {"dominant", "weak but decodable", "detected"}
    assert set(streamed[~present]["status"]) <= {"not detected", "inconclusive"}
    assert any("cannot be distinguished from loud" in str(line) and "echo" in str(line) for line in both[0].sentences)


def test_the_page_is_written(both, tmp_path):
    both[0].save_html(tmp_path / "audit.html")
    assert "shrinkage discriminant" in (tmp_path / "audit.html").read_text()


@pytest.mark.parametrize("size", [1, 7, 4000])
def test_the_size_of_chunks_makes_no_difference(size):
    layers, labels = activity(n=300, n_units=5)
    found = (audit_stream(in_chunks(layers, of), labels, **QUICK).results for of in (size, 64))
    for one in zip(*(results["value"] for results in found), strict=True):
        assert one[0] == pytest.approx(one[1], abs=0.02)  # one of 300 stimuli may be named otherwise by rounding


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, torch.float32, torch.bfloat16])
def test_any_kind_of_number_is_taken(kind):
    layers, labels = activity(n=400, n_units=6)
    if isinstance(kind, torch.dtype):
        given = {name: torch.from_numpy(x).to(kind) for name, x in layers.items()}
        plain = {name: x.double().numpy() for name, x in given.items()}
    else:
        given = {name: x.astype(kind) for name, x in layers.items()}
        plain = {name: x.astype(float) for name, x in given.items()}
    as_in_memory(audit_stream(in_chunks(given), labels, **QUICK), plain, labels)


@pytest.mark.parametrize(
    ("scale", "offset", "kind"),
    [(1.0, 100.0, np.float32), (1.0, 1e6, np.float64), (1e-12, 0.0, np.float32), (1e25, 0.0, np.float64)],
)
def test_neither_scale_nor_a_mean_of_many_standard_deviations_costs_anything(scale, offset, kind):
    layers, labels = activity(n=600, n_units=8)
    moved = {name: (scale * (x + offset)).astype(kind) for name, x in layers.items()}
    plain = {name: x.astype(float) for name, x in moved.items()}
    as_in_memory(audit_stream(in_chunks(moved), labels, **QUICK), plain, labels)


def test_a_stream_that_is_sorted_by_class_is_audited_all_the_same():
    layers, labels = activity(n=600, n_units=8)
    order = np.argsort(labels["loud"], kind="stable")
    layers = {name: x[order] for name, x in layers.items()}
    labels = {name: y[order] for name, y in labels.items()}
    as_in_memory(audit_stream(in_chunks(layers, 50), labels, **QUICK), layers, labels)


def test_stimuli_without_a_label_are_dropped_where_they_come():
    layers, labels = activity(n=500, n_units=5)
    partial = pd.DataFrame(labels).astype(object)
    partial.loc[[0, 1, 2, 77, 499], "quiet"] = None
    partial.loc[200:299, "absent"] = None  # all of two chunks
    found = audit_stream(in_chunks(layers, 50), partial, missing="drop", **QUICK)
    kept = partial.notna().all(axis=1).to_numpy()
    kept_labels = {name: y[kept] for name, y in labels.items()}
    as_in_memory(found, {name: x[kept] for name, x in layers.items()}, kept_labels)
    assert found.n_stimuli == 395
    assert any(note.startswith("105 of 500 stimuli dropped") for note in found.notes)


def test_more_units_than_stimuli_and_units_that_never_change():
    rng = np.random.default_rng(0)
    side = np.arange(60) % 2
    x = rng.normal(size=(60, 130)) + side[:, None]
    x[:, 100:], x[:, 120:] = 7, 0
    layers, labels = {"wide": x, "constant": np.zeros((60, 3))}, {"side": side}
    found = audit_stream(in_chunks(layers, 9), labels, **QUICK)
    as_in_memory(found, layers, labels)
    assert table(found, ["decodability"])["wide", "side", "decodability"] > 0.9
    p = table(found, ["r2", "decodability"], "p")
    assert p["constant", "side", "r2"] == 1
    assert p["constant", "side", "decodability"] == 1
    assert any(note.startswith("30 of 130 units of 'wide' never change (10 are always 0)") for note in found.notes)
    assert any("nothing can be concluded" in str(line) for line in found.sentences)


def test_classes_of_two_stimuli_are_fitted_and_scored():
    layers, labels = activity(n=400, n_units=5)
    labels = {"rare": np.r_[1, np.zeros(398, int), 1], "loud": labels["loud"]}
    as_in_memory(audit_stream(in_chunks(layers), labels, **QUICK), layers, labels)


def test_a_seed_gives_the_same_report_and_another_seed_another():
    layers, labels = activity(n=300, n_units=5)
    first, again, other = (audit_stream(in_chunks(layers), labels, seed=seed, **QUICK).results for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_memory_does_not_grow_with_the_stimuli():
    def peak(n):
        plan = stream_plan(check_stimuli({"side": np.arange(n) % 2}), 1000, 0)
        generator = np.random.default_rng(0)
        chunks = (generator.standard_normal((500, 300), dtype=np.float32) for _ in range(n // 500))
        tracemalloc.start()
        read_sums(chunks, plan)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    activity_more = 30_000 * 300 * 4
    assert peak(150_000) - peak(120_000) < 0.1 * activity_more


def test_a_model_is_audited_batch_by_batch():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3)).train()
    inputs, labels = torch.randn(200, 6), {"sign": np.arange(200) % 2}
    inputs[:, 0] += torch.from_numpy(labels["sign"])
    whole = read_activity(model, inputs, "[013]").arrays
    chunks = list(stream_activity(model, inputs, "[013]", batch_size=64))
    assert [len(chunk["0"]) for chunk in chunks] == [64, 64, 64, 8]
    for layer, read in whole.items():
        assert np.concatenate([chunk[layer] for chunk in chunks]) == pytest.approx(read, abs=1e-6)
    report = audit_stream(stream_activity(model, inputs, "[013]", batch_size=64), labels, **QUICK)
    as_in_memory(report, {layer: read.astype(float) for layer, read in whole.items()}, labels)
    assert model.training
    with pytest.raises(ValueError, match="absent"):
        stream_activity(model, inputs, "absent")


def test_padding_is_left_out_of_a_models_stream():
    model, tokens = nn.Sequential(nn.Embedding(9, 4)), torch.randint(0, 9, (30, 5))
    mask = torch.ones(30, 5)
    mask[::3, 2:] = 0
    whole = read_activity(model, tokens, "0", attention_mask=mask).arrays["0"]
    parts = stream_activity(model, tokens, "0", attention_mask=mask, batch_size=8)
    assert np.concatenate([part["0"] for part in parts]) == pytest.approx(whole)
