"""The audit of a model whose computation is known: what is erased, and what the model then loses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from activity import read_activity
from torch import nn

from repbias.activations.batches import Batches
from repbias.audit.arrays import audit_arrays
from repbias.audit.causal.edits import EraserFitter
from repbias.audit.causal.effects import causal_effects, halves
from repbias.audit.causal.outcomes import Outputs
from repbias.audit.causal.rows import causal_rows, excess_p
from repbias.audit.inputs import check_stimuli
from repbias.audit.model import audit
from repbias.measures.interventions.erasure import leace

N, NOISE = 400, 3
FAST = {"resamples": 100, "permutations": 50}


class Known(nn.Module):
    """Inputs are [used, unused, noise ...]; a rotation mixes them, and the output is 2 * used + noise."""

    def __init__(self):
        super().__init__()
        self.mixed = nn.Linear(2 + NOISE, 2 + NOISE, bias=False)
        self.drop = nn.Dropout(0.5)
        self.shared = nn.Identity()
        self.aside = nn.Linear(2 + NOISE, 3)
        self.readout = nn.Linear(2 + NOISE, 1, bias=False)
        self.runs = 0
        generator = torch.Generator().manual_seed(0)
        rotation = torch.linalg.qr(torch.randn(2 + NOISE, 2 + NOISE, generator=generator))[0]
        with torch.no_grad():
            self.mixed.weight.copy_(rotation)
            self.readout.weight.copy_(torch.tensor([[2.0, 0, 1, 0, 0]]) @ rotation.T)

    def forward(self, x):
        self.runs += 1
        x = self.shared(self.shared(self.drop(self.mixed(x))))
        self.aside(x)
        return self.readout(x)[:, 0]


@pytest.fixture(scope="module")
def stimuli() -> tuple[torch.Tensor, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    labels = {name: rng.permutation(np.arange(N) % 2) for name in ("used", "unused", "absent")}
    signs = np.column_stack([2 * labels["used"] - 1, 2 * labels["unused"] - 1])
    return torch.tensor(np.column_stack([signs, rng.normal(size=(N, NOISE))])).float(), labels


@pytest.fixture
def model() -> nn.Module:
    return Known().train()


def sign(output):
    return {"used": output > 0}


def values(report, layer, feature) -> dict[str, float]:
    rows = report.results
    return dict(rows[(rows.layer == layer) & (rows.feature == feature)].set_index("measure").value)


def row(report, layer, feature, measure):
    rows = report.results
    return rows[(rows.layer == layer) & (rows.feature == feature) & (rows.measure == measure)].iloc[0]


def test_without_reports_the_output_loses_what_the_feature_gave_it(model, stimuli):
    inputs, labels = stimuli
    report = audit(model, inputs, labels, "mixed", batch_size=150, **FAST)
    used, unused, absent = (values(report, "mixed", name) for name in labels)
    assert used["ablation_output"] == pytest.approx(4 / (4 + 1), abs=0.04)  # the variances of 2 * used, and of noise
    assert used["ablation_control"] == pytest.approx(1 / 5, abs=0.12)  # one direction of five, at random
    assert unused["ablation_output"] < 0.03
    assert absent["ablation_output"] < 0.6
    assert row(report, "mixed", "used", "ablation_output").p_holm < 0.05
    assert row(report, "mixed", "unused", "ablation_output").p_holm > 0.05
    low, high = row(report, "mixed", "used", "ablation_output")[["ci_low", "ci_high"]]
    assert low < 0.8 < high
    assert unused["r2"] == pytest.approx(used["r2"], abs=0.05)  # as much of the layer, and yet not used
    assert any(
        s.startswith("Erasing used has its largest effect") and "in mixed" in s for s in map(str, report.sentences)
    )
    assert any(s.startswith("Erasing unused is not shown to change more") for s in map(str, report.sentences))


def test_with_reports_accuracy_falls_to_chance_on_the_feature_alone(model, stimuli):
    inputs, labels = stimuli
    report = audit(
        model, inputs, labels, "mixed", predict=lambda y: {"used": y > 0, "unused": np.zeros(len(y))}, **FAST
    )
    with torch.no_grad():
        before = float(((model.eval()(inputs) > 0).numpy() == labels["used"]).mean())
    own = values(report, "mixed", "used")
    assert own["ablation_own"] == pytest.approx(before - 0.5, abs=0.06)
    assert own["ablation_others"] == 0  # the other is reported all the same
    assert 0 < own["ablation_control"] < 0.2
    assert abs(values(report, "mixed", "unused")["ablation_others"]) < 0.03
    absent = values(report, "mixed", "absent")
    assert "ablation_own" not in absent  # the model does not report it
    assert absent["ablation_others"] < own["ablation_own"] / 2
    assert any(f"used {100 * before:.1f} %, unused 50.0 %" in note for note in report.notes)


def test_the_rest_is_the_audit_of_what_was_read(model, stimuli):
    inputs, labels = stimuli
    report = audit(model, inputs, labels, ["mixed", "aside"], predict=sign, seed=3, **FAST)
    arrays = read_activity(model, inputs, ["mixed", "aside"]).arrays
    expected = audit_arrays(arrays, labels, seed=3, **FAST)
    rows = report.results[~report.results.measure.str.contains("ablation|steering")].reset_index(drop=True)
    assert rows.equals(expected.results)
    assert report.sentences[: len(expected.sentences)] == expected.sentences
    alone = audit(model, inputs, labels, ["mixed", "aside"], interventions=(), seed=3, **FAST)
    assert alone.results.equals(expected.results)
    assert alone.sentences == expected.sentences
    assert set(expected.notes) <= set(report.notes)
    assert (report.layers, report.n_units) == (("mixed", "aside"), {"mixed": 5, "aside": 3})


def test_a_layer_beside_the_path_is_left_out_and_named(model, stimuli):
    report = audit(model, *stimuli, ["mixed", "aside"], **FAST)
    edited = report.results[report.results.measure.str.contains("ablation|steering")]
    assert set(edited.layer) == {"mixed"}
    assert "No ablation or steering, as the output does not depend on what is read: aside." in report.notes


def test_each_call_of_a_shared_layer_is_edited_by_itself(model, stimuli):
    report = audit(model, *stimuli, ["mixed", "shared"], **FAST)
    for kind, least in (("ablation", 0.7), ("steering", 3)):
        effects = [values(report, layer, "used")[f"{kind}_output"] for layer in ("mixed", "shared#0", "shared#1")]
        assert effects == pytest.approx([effects[0]] * 3, abs=1e-6)
        assert effects[0] > least


def test_the_former_name_of_interventions_is_read_with_a_warning(model, stimuli):
    with pytest.warns(FutureWarning, match="interventions"):
        former = audit(model, *stimuli, "mixed", reach=("steering",), **FAST)
    now = audit(model, *stimuli, "mixed", interventions=("steering",), **FAST)
    assert former.results.equals(now.results)


def test_a_model_whose_output_is_random_in_eval_mode_is_not_edited(stimuli):
    class Noisy(Known):
        def forward(self, x):
            return super().forward(nn.functional.dropout(x, 0.5))

    report = audit(Noisy(), *stimuli, ["mixed", "aside"], **FAST)
    assert not report.results.measure.str.contains("ablation|steering").any()
    assert any("differs between two passes of the same stimuli" in note for note in report.notes)


def test_a_time_first_layer_is_edited_as_its_time_last_twin(stimuli):
    """The same computation, with the stimuli on the first axis of the layer and on the second."""

    class Steps(nn.Module):
        def __init__(self, turned: bool) -> None:
            super().__init__()
            self.layer, self.turned = nn.Linear(2 + NOISE, 2 + NOISE, bias=False), turned
            nn.init.eye_(self.layer.weight)

        def forward(self, x):
            x = torch.stack([x, -x, 2 * x], 1)
            return self.layer(x.transpose(0, 1)).sum(0)[:, :1] if self.turned else self.layer(x).sum(1)[:, :1]

    one, other = (
        audit(Steps(turned), *stimuli, "layer", batch_size=3, pool="last", **FAST) for turned in (True, False)
    )
    np.testing.assert_allclose(one.results["value"], other.results["value"], atol=1e-5)
    assert values(one, "layer", "used")["steering_output"] > 1


def test_the_model_is_left_as_it_was(model, stimuli):
    model.aside.eval()
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    audit(model, *stimuli, "*", **FAST)
    assert [name for name, module in model.named_modules() if not module.training] == ["aside"]
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_results_do_not_depend_on_batches(model, stimuli):
    inputs, labels = stimuli
    one = audit(model, inputs, labels, "mixed", predict=sign, **FAST)
    other = audit(model, list(inputs.split(90)), labels, "mixed", predict=sign, **FAST)
    numbers = ["value", "ci_low", "ci_high"]
    np.testing.assert_allclose(one.results[numbers], other.results[numbers], atol=0.01)


def test_stimuli_without_a_label_are_dropped_from_the_ablation_too(model, stimuli):
    inputs, labels = stimuli
    holed = labels | {"unused": labels["unused"].astype(float)}
    holed["unused"][[0, 7, N - 1]] = np.nan
    report = audit(model, inputs, holed, "mixed", missing="drop", predict=sign, **FAST)
    assert report.n_stimuli == N - 3
    assert set(report.results.n) == {N - 3}
    keep = ~np.isnan(holed["unused"])
    whole = audit(
        model, inputs[torch.from_numpy(keep)], {k: v[keep] for k, v in labels.items()}, "mixed", predict=sign, **FAST
    )
    assert values(report, "mixed", "used") == pytest.approx(values(whole, "mixed", "used"), abs=1e-6)


@pytest.mark.parametrize("words", [("no", "yes"), (False, True), (3, 8)])
def test_labels_of_any_kind_are_compared_with_reports(model, stimuli, words):
    inputs, labels = stimuli
    named = {name: [words[one] for one in of_feature] for name, of_feature in labels.items()}

    def predict(output):
        return {"used": np.array(words)[(output > 0).long().numpy()]}

    report = audit(model, inputs, named, "mixed", predict=predict, **FAST)
    assert values(report, "mixed", "used")["ablation_own"] > 0.4


def test_presentations_of_one_stimulus_are_kept_together_and_make_a_ceiling(model, stimuli):
    inputs, labels = stimuli
    shown = np.tile(np.arange(N // 2), 2)
    twice, of_stimulus = inputs[: N // 2].repeat(2, 1), {name: values[shown] for name, values in labels.items()}
    report = audit(model, twice, of_stimulus, "mixed", repeats=shown, **FAST)
    assert row(report, "mixed", "(all)", "noise_ceiling").value == pytest.approx(1, abs=0.01)  # no noise from the model
    # Fitted on the other half of the stimuli and not of the presentations, the absent feature stays unsteerable.
    assert row(report, "mixed", "absent", "steering_output").p_holm > 0.05
    assert row(report, "mixed", "used", "steering_output").p_holm < 0.05


def test_groups_are_kept_together():
    cluster = np.repeat(np.arange(7), 5)
    half = halves(cluster, seed=0)
    assert all(len(set(half[cluster == one])) == 1 for one in range(7))
    assert {int((half == which).sum()) for which in (0, 1)} == {15, 20}
    assert (half != halves(cluster, seed=1)).any()


def test_a_repeated_stimulus_adds_no_evidence():
    rng = np.random.default_rng(0)
    changes, control, ones, one_order = rng.normal(0.3, 1, size=30), np.zeros(30), np.ones(30), np.arange(30) % 20
    alone = excess_p(changes, control, ones, one_order, np.arange(30))
    many = [np.repeat(values, 10) for values in (changes, control, ones, one_order)]
    assert excess_p(*many, np.repeat(np.arange(30), 10)) == pytest.approx(alone)
    assert excess_p(*many, np.arange(300)) < alone / 10
    assert excess_p(control, control, ones, one_order, np.arange(30)) == 1
    assert excess_p(control + 1, control, ones, one_order, np.arange(30)) == 1e-6


def test_absent_features_have_effects_no_more_often_than_the_level(stimuli):
    """In a layer of few units a random direction may well be one that matters, of the feature and of the control."""
    inputs, _ = stimuli
    found = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        labels = {f"absent {one}": rng.permutation(np.arange(N) % 2) for one in range(30)}
        p = causal_p(inputs, labels, seed)
        assert p.shape == (2, 30)
        found.append(p <= 0.05)
    assert np.mean(found, axis=(0, 2)).max() <= 0.1  # of 90 each; 5 % is expected, with a standard error of 2.3 %


def causal_p(inputs, labels, seed):
    model = Known()
    activity = read_activity(model, inputs, "mixed")
    effects = causal_effects(
        model, Batches(inputs, model), activity, check_stimuli(labels), Outputs(model, "mean"), seed=seed
    )
    rows = causal_rows(effects, None, np.arange(N), seed=seed, resamples=100)
    return np.stack([rows[rows.measure == f"{kind}_output"].p.to_numpy() for kind in ("ablation", "steering")])


@pytest.mark.parametrize("n_classes", [2, 5])
def test_erasers_are_those_of_leace(n_classes):
    rng = np.random.default_rng(0)
    labels = rng.integers(n_classes, size=200)
    activity = np.eye(n_classes)[labels] @ rng.normal(size=(n_classes, 9)) + rng.normal(size=(200, 9))
    activity = np.column_stack([activity, activity[:, 0], np.ones(200)])  # of less than full rank
    eraser = EraserFitter(activity).fit(np.eye(n_classes)[labels])
    assert eraser.rank == n_classes - 1
    np.testing.assert_allclose(eraser.apply(activity), leace(activity, labels).apply(activity), atol=1e-8)


def test_with_few_stimuli_a_unit_the_class_means_are_projected_out(stimuli):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    activity = np.eye(3)[labels] @ rng.normal(size=(3, 100)) + rng.normal(size=(60, 100))
    eraser = EraserFitter(activity).fit(np.eye(3)[labels])
    erased = eraser.apply(activity)
    assert eraser.rank == 2
    means = np.array([erased[labels == one].mean(0) for one in range(3)])
    np.testing.assert_allclose(means - means[0], 0, atol=1e-10)
    wide = nn.Sequential(nn.Linear(2 + NOISE, 2 * N), nn.Linear(2 * N, 2))
    report = audit(wide, *stimuli, "0", **FAST)
    assert any("projected out instead: 0." in note for note in report.notes)
    assert EraserFitter(np.ones((4, 9))).fit(np.eye(2)[np.arange(4) % 2]).rank == 0
    assert EraserFitter(np.ones((40, 9))).fit(np.eye(2)[np.arange(40) % 2]).rank == 0


class Tokens(nn.Module):
    """A bag of tokens, by name, as a dataclass-like mapping; the output is of the first token alone."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(2 + NOISE, 2 + NOISE, bias=False)
        nn.init.eye_(self.embed.weight)

    def forward(self, x, attention_mask):
        return {"loss": None, "logits": self.embed(x)[:, 0, 0]}


@pytest.mark.parametrize(("pool", "acts"), [("first", True), ("mean", True), ("last", False)])
def test_only_what_is_read_is_edited(stimuli, pool, acts):
    inputs, labels = stimuli
    tokens = inputs[:, None].repeat(1, 3, 1)
    report = audit(Tokens(), {"x": tokens, "attention_mask": torch.ones(N, 3)}, labels, "embed", pool=pool, **FAST)
    assert ("ablation_output" in values(report, "embed", "used")) == acts
    if acts:
        assert values(report, "embed", "used")["ablation_output"] > 0.95


def test_a_model_without_an_output_to_compare_is_audited_without_ablation(stimuli):
    class Silent(nn.Sequential):
        def forward(self, x):
            super().forward(x)

    report = audit(Silent(nn.Linear(2 + NOISE, 3)), *stimuli, "0", **FAST)
    assert not report.results.measure.str.contains("ablation|steering").any()
    assert any(
        note.startswith("No ablation or steering, because no change can be measured: the model returns")
        for note in report.notes
    )


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"features": {"used": np.arange(N - 1) % 2}}, ValueError, "each of the 400 stimuli of the inputs, got 399"),
        ({"features": {}}, ValueError, "features must name one or more"),
        ({"features": 3}, TypeError, "features must be a mapping"),
        ({"features": {"used": np.zeros(N)}}, ValueError, "two classes or more"),
        ({"layers": "mixd"}, ValueError, "no layer is called 'mixd'; did you mean 'mixed'"),
        ({"pool": "max"}, ValueError, "pool must be one of"),
        ({"resamples": 1}, ValueError, "resamples must be 100 or more"),
        ({"predict": lambda y: y > 0}, ValueError, r"here \[256, 3\], got shape \[256, 1\]"),
        ({"predict": lambda y: {"usd": y > 0}}, ValueError, "'usd', which is no feature; did you mean 'used'"),
        ({"predict": lambda y: {"used": y[:3] > 0}}, ValueError, r"256 labels for 'used', got shape \(3,\)"),
        ({"predict": lambda y: {"used": y.sigmoid()}}, ValueError, r"for 'used' must be whole numbers .*output > 0.5"),
        ({"layers": []}, ValueError, r"at least one layer, got \[\].*known: mixed"),
        ({"layers": None}, TypeError, "got None"),
        ({"predict": lambda y: {"used": (y > 0) + 5}}, ValueError, "'5', '6' for 'used', none of them one of its"),
        ({"interventions": "ablation"}, ValueError, "interventions must be a list of 'ablation' and 'steering'"),
        ({"interventions": ("steer",)}, ValueError, "one, both, or .. for none, got"),
        ({"interventions": (), "predict": sign}, ValueError, "leave out one of them"),
        ({"repeats": np.arange(N - 1)}, ValueError, "399"),
        ({"predict": lambda y: {}}, ValueError, "without reports, leave predict out"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused_before_a_second_batch_is_run(model, stimuli, change, error, message):
    inputs, labels = stimuli
    arguments = {"features": labels, "layers": "mixed"} | change
    with pytest.raises(error, match=message):
        audit(model, inputs, **arguments)
    assert model.runs <= 1
