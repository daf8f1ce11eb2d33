"""What cannot be trained is refused before training starts, with what was expected, what came, and what to do."""

import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from repbias.models import MLP
from repbias.training import SGD, Adam, Phase, Training, train

MODEL = MLP(widths=(8, 8))


@pytest.mark.parametrize(
    ("make", "where", "message"),
    [
        (lambda: Phase(features=()), "features", "at least 1"),
        (lambda: Training(phases=()), "phases", "at least 1"),
        (lambda: Phase(steps=0), "steps", "greater than or equal to 1"),
        (lambda: Phase(until="forever"), "until", "'mastery' or 'steps'"),
        (lambda: SGD(lr=0), "lr", "greater than 0"),
        (lambda: SGD(lr=-0.1), "lr", "greater than 0"),
        (lambda: SGD(lr=float("nan")), "lr", "finite number"),
        (lambda: SGD(momentum=1.0), "momentum", "less than 1"),
        (lambda: Adam(betas=(0.9, 1.0)), "betas", "less than 1"),
        (lambda: Training(optimizer="adamm"), "optimizer", "'sgd', 'adam', 'adamw'"),
        (lambda: Training(mastery_accuracy=1.1), "mastery_accuracy", "less than or equal to 1"),
        (lambda: Training(stepz=3), "stepz", "there is no such field"),
        (lambda: MLP(dropout=1), "dropout", "less than 1"),
        (lambda: MLP(widths=()), "widths", "at least 1"),
        (lambda: MLP(widths=(0,)), "widths", "greater than or equal to 1"),
        (lambda: MLP(activation="swish"), "activation", "'leaky_relu', 'relu', 'tanh' or 'gelu'"),
        (lambda: MLP(widths=(8, 4), residual=True), "residual", "use equal widths or residual=False"),
    ],
)
def test_specs_refuse_wrong_values(make, where, message):
    with pytest.raises(ValidationError) as error:
        make()
    assert where in str(error.value)
    assert message in str(error.value)


class Pair(nn.Module):
    def forward(self, x):
        return x, x


class Nothing(nn.Module):
    def forward(self, x):
        return None


class Unused(nn.Module):
    def __init__(self, outputs=2):
        super().__init__()
        self.pair = Pair()
        self.nothing = Nothing()
        self.readout = nn.Linear(12, outputs)
        self.forgotten = nn.Linear(12, 12)
        self.input = nn.Identity()

    def forward(self, x):
        self.nothing(x)
        return self.readout(self.input(self.pair(x)[0]))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"task": "boolean"}, TypeError, "task must be a repbias task.*got str"),
        ({"seeds": 0}, ValueError, "seeds must be at least one.*got 0"),
        ({"seeds": -2}, ValueError, "got -2"),
        ({"seeds": []}, ValueError, r"got \[\]"),
        ({"seeds": [1, -1]}, ValueError, r">= 0, got \[1, -1\]"),
        ({"seeds": [3, 4, 3]}, ValueError, r"different from one another.*got \[3, 4, 3\]"),
        ({"seeds": (seed for seed in (5, 5))}, ValueError, r"got \[5, 5\]"),
        ({"seeds": "3"}, TypeError, "a list of seeds, got '3'"),
        ({"seeds": 2.5}, TypeError, "a list of seeds, got 2.5"),
        ({"training": "adam"}, TypeError, "a Training or a dict of its fields, got str"),
        ({"training": {"bacth": 3}}, ValueError, "bacth: .*did you mean 'batch'"),
        ({"training": {"batch": 0}}, ValueError, "batch: .*got 0"),
        ({"training": {"batch": 513}}, ValueError, "a batch of 513 .*training set of 512"),
        ({"training": {"phases": [{"features": ["easi"]}]}}, ValueError, r"phase 0: .*'easi'; did you mean 'easy'\?"),
        (
            {"training": {"phases": [{}, {"features": ["hart", "zzz"]}]}},
            ValueError,
            r"(?s)phase 1: .*'hart'; did you mean 'hard'.*\n.*'zzz'; known: easy, hard",
        ),
        ({"model": MLP(widths=(8,), norm="batch"), "training": {"batch": 1}}, ValueError, "batch norm"),
        ({"model": "mlp"}, TypeError, "got str"),
        ({"model": MLP}, TypeError, "it made MLP"),
        ({"model": lambda: "a network"}, TypeError, "it made str"),
        ({"model": nn.Linear(12, 2)}, TypeError, r"got Linear; each seed needs a new network.*lambda"),
        ({"model": nn.Linear}, ValueError, "called without arguments: Linear raised TypeError"),
        ({"model": lambda: nn.Linear(12, 2)}, ValueError, r"a single Linear without .*nn\.Sequential\(Linear"),
        ({"model": lambda: nn.Sequential(nn.Linear(32, 2))}, ValueError, r"cannot read a batch.*\(32, 12\).*32x2"),
        ({"model": lambda: nn.Sequential(nn.Identity()), "layers": "0"}, ValueError, "nothing to train"),
        ({"model": lambda: Unused(3), "layers": "readout"}, ValueError, r"logits \(32, 2\).*returned \(32, 3\)"),
        ({"model": lambda: Unused(1), "layers": "readout"}, ValueError, r"logits \(32, 2\).*returned \(32, 1\)"),
        ({"model": lambda: nn.Sequential(nn.Linear(12, 2), Pair()), "layers": "0"}, ValueError, "returned tuple"),
        ({"layers": []}, ValueError, r"layers=\[\] names no layer"),
        ({"layers": "hiden.*"}, ValueError, r"'hiden\.\*'; did you mean 'hidden\."),
        ({"layers": ["hidden.0", "hidden.2"]}, ValueError, r"'hidden\.2'; did you mean 'hidden"),
        ({"model": Unused, "layers": "nothing"}, TypeError, "'nothing' returns NoneType"),
        ({"model": Unused, "layers": "forgotten"}, ValueError, r"\['forgotten'\] were never called"),
        ({"model": Unused, "layers": "input"}, ValueError, "a layer is called 'input'"),
    ],
)
def test_what_cannot_be_trained_is_refused(task, fixed, arguments, error, message):
    with pytest.raises(error, match=message):
        train(**{"task": task, "model": MODEL, "seeds": 2, "training": fixed(), **arguments})


def test_a_training_may_be_a_dict_of_its_fields(task, fixed):
    spec = fixed(steps=2)
    tables = [train(task, MODEL, seeds=1, training=given).table() for given in (spec, spec.model_dump())]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_no_hook_is_left_after_an_error(task, fixed):
    made = []

    def network():
        made.append(Unused())
        return made[-1]

    state = torch.get_rng_state()
    with pytest.raises(TypeError, match="without a tensor"):
        train(task, network, seeds=2, layers="nothing", training=fixed())
    assert not any(module._forward_hooks for network in made for module in network.modules())
    assert torch.equal(state, torch.get_rng_state())
