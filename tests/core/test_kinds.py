"""A spec of one of several kinds is told apart by its kind alone, and errors list the kinds of the registry."""

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from repbias.models import MLP, MODEL_KINDS, AnyModel, UserModule
from repbias.tasks import TASK_KINDS, AnyTask, ArrayTask, BooleanTask, ImageTask, StringTask, SymbolTask, UserTask

TASKS = [
    BooleanTask(features={"a": "copy"}),
    SymbolTask(features={"a": 1}),
    StringTask(features={"a": "presence"}),
    ImageTask(features={"a": "colour"}),
    ArrayTask(np.eye(20), {"a": np.arange(20) % 2, "b": np.arange(20) > 9}),
    UserTask(function="repbias:BooleanTask", settings={"features": {"a": "copy"}}),
]
MODELS = [UserModule(function="m:f", layers=("a",)) if kind is UserModule else kind() for kind in MODEL_KINDS]


@pytest.mark.parametrize(("base", "specs"), [(AnyTask, TASKS), (AnyModel, MODELS)], ids=["tasks", "models"])
def test_every_kind_is_made_again_from_its_json(base, specs):
    adapter = TypeAdapter(base)
    for spec in specs:
        again = adapter.validate_python(spec.model_dump(mode="json"))
        assert type(again) is type(spec)
        assert again == spec == adapter.validate_python(spec)
        assert adapter.dump_python(spec) == spec.model_dump()


def test_all_kinds_are_tried():
    assert [type(task) for task in TASKS] == list(TASK_KINDS)


@pytest.mark.parametrize(
    ("base", "kinds", "given", "default"),
    [(AnyTask, TASK_KINDS, {"features": {"a": "copy"}}, BooleanTask), (AnyModel, MODEL_KINDS, {}, MLP)],
    ids=["tasks", "models"],
)
def test_a_missing_kind_is_the_first_and_an_unknown_one_is_refused_with_all_known(base, kinds, given, default):
    adapter = TypeAdapter(base)
    assert type(adapter.validate_python(given)) is default
    with pytest.raises(ValidationError) as error:
        adapter.validate_python({**given, "kind": "quantum"})
    for kind in kinds:
        assert str(kind.model_fields["kind"].default) in str(error.value)
