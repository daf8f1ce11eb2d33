"""A wrong image task is refused when it is made, with everything that is wrong and what to do."""

import pytest
from pydantic import ValidationError

from repbias.core.specs import explain
from repbias.tasks.images.task import ImageTask

PLAIN = {"colour": "colour", "shape": "shape"}
FOUR = {"factor": "shape", "classes": 4}
REFUSED = [
    # more classes than there are, or fewer than can be told apart
    ({"features": {"a": {"factor": "shape", "classes": 11}}}, ["shape: ", "2, 3, 4", "got 11"]),
    ({"features": {"a": {"factor": "number", "classes": 5}}}, ["number: ", "2, 3, 4 classes, got 5"]),
    ({"features": {"a": {"factor": "position", "classes": 5}}}, ["position: ", "4, 9, 16 classes, got 5"]),
    ({"features": {"a": {"factor": "shape", "classes": ["tee"]}}}, ["2 classes or more", "in `fixed`"]),
    # unknown names
    ({"features": {"a": "colr"}}, ["unknown factor 'colr'; did you mean 'colour'"]),
    ({"features": {"a": {"factor": "shape", "classes": ["tee", "strr"]}}}, ["'strr'; did you mean 'star'"]),
    ({"features": {"a": {"factor": "shape", "classes": ["tee", "tee"]}}}, ["a class is named twice in tee, tee"]),
    ({"features": PLAIN, "fixed": {"texture": "sold"}}, ["fixed: texture: no class is called 'sold'", "'solid'"]),
    ({"features": PLAIN, "fixed": {"textur": "solid"}}, ["fixed: unknown factor 'textur'; did you mean 'texture'"]),
    ({"features": PLAIN, "measured": ["textur"]}, ["measured: unknown factor 'textur'; did you mean 'texture'"]),
    # factors that exclude each other
    ({"features": {"a": "shape", "b": "shape"}}, ["features 'a' and 'b' are both shape; drop one"]),
    ({"features": {"a": "shape"}, "fixed": {"shape": "tee"}}, ["shape is fixed, and feature 'a'"]),
    ({"features": {"a": "relation", "b": "number"}}, ["drop number, or fix it at 2"]),
    ({"features": {"a": "relation"}, "fixed": {"number": "3"}}, ["drop number, or fix it at 2"]),
    ({"features": {"a": "relation"}, "fixed": {"shape": "tee"}}, ["a relation needs shapes that differ"]),
    ({"features": {"a": "relation", "b": "size"}}, ["size cannot be chosen where there are several objects"]),
    ({"features": {"a": "number"}, "fixed": {"position": "row1column1"}}, ["position cannot be chosen"]),
    ({"features": PLAIN, "fixed": {"relation": "same"}}, ["fix number at 2"]),
    ({"features": {"a": "rotation"}}, ["rotation cannot be read from circle, pentagon, star; leave them out"]),
    # measured
    ({"features": PLAIN, "measured": ["shape"]}, ["shape is a feature and measured anyway"]),
    ({"features": {"texture": "shape"}, "measured": ["texture"]}, ["also the name of a feature of another factor"]),
    ({"features": PLAIN, "measured": ["size"]}, ["measured: size is the same in all images"]),
    ({"features": PLAIN, "measured": ["relation"]}, ["measured: relation is the same in all images"]),
    ({"features": PLAIN, "measured": ["texture", "texture"]}, ["measured names a factor twice"]),
    ({"features": {"a": "number"}, "measured": ["position"]}, ["several objects have no single position"]),
    # too small
    ({"features": PLAIN, "size": 13}, ["7.43 px", "set size to 14 or more"]),
    ({"features": {"a": "size"}, "size": 27}, ["set size to 28 or more"]),
    ({"features": {"a": "number"}, "size": 27}, ["set size to 28 or more"]),
    ({"features": {"a": "relation"}, "size": 31}, ["set size to 32 or more"]),
    # training
    ({"features": {"a": {"factor": "shape", "classes": 3, "shares": [0.5, 0.5]}}}, ["each of the 3 classes, got 2"]),
    ({"features": {"a": {"factor": "shape", "classes": 2, "shares": [0.5, 0.6]}}}, ["add up to 1, got 1.1"]),
    ({"features": {"a": {"factor": "shape", "classes": 2, "shares": [0.001, 0.999]}}}, ["'triangle' 16; 30 of each"]),
    ({"features": {"a": {"factor": "shape", "labelled": 0.01}}}, ["a: shares and labelled=0.01", "30 of each class"]),
    ({"features": {"a": FOUR, "b": "colour"}, "agreement": 0.9}, ["(a 4, b 10); set `classes`"]),
    ({"features": {"a": "shape"}, "agreement": 0.9}, ["agreement is between two features, and there are 1"]),
    (
        {"features": {"a": FOUR, "b": {"factor": "colour", "classes": 4, "labelled": 0.5}}, "agreement": 1},
        ["labelled=1"],
    ),
    ({"features": PLAIN, "agreement": 1.1}, ["agreement: "]),
    # held out
    ({"features": PLAIN, "held_out": 9}, ["held_out=9 of 10 classes of shape leaves 1", "hold out fewer"]),
    (
        {"features": {"a": "shape"}, "fixed": {"texture": "solid"}, "held_out": 1},
        ["of texture leaves 0", "let it vary"],
    ),
    ({"features": PLAIN | {"texture": "texture"}, "held_out": 3}, ["shape, texture and colour that is not a feature"]),
    ({"features": {"a": {"factor": "shape", "shares": [0.1] * 10}}, "held_out": 3}, ["held_out", "shares"]),
    ({"features": {"a": "relation"}, "held_out": 3}, ["drop it, or the relation"]),
    ({"features": {}}, ["features: "]),
]


@pytest.mark.parametrize(("spec", "problems"), REFUSED)
def test_a_wrong_task_is_refused_with_what_to_do(spec, problems):
    with pytest.raises(ValidationError) as error:
        ImageTask(**spec)
    text = explain(error.value, "task")
    for problem in problems:
        assert problem in text, text


def test_all_problems_are_named_at_once():
    with pytest.raises(ValidationError) as error:
        ImageTask(features={"a": "shape"}, size=10, measured=("shape", "size"), held_out=9)
    text = explain(error.value, "task")
    for problem in ("shape is a feature and measured", "size is the same", "set size to 14", "held_out=9"):
        assert problem in text


@pytest.mark.parametrize(
    "spec",
    [
        {"features": PLAIN, "size": 14},
        {"features": {"a": "number"}, "size": 28},
        {"features": {"a": "relation"}, "size": 32},
        {"features": {"a": "relation"}, "fixed": {"number": "2"}},
        {"features": PLAIN, "fixed": {"number": "1", "position": "row1column1"}},
        {"features": PLAIN, "fixed": {"number": "3"}, "measured": ["rotation"]},
        {"features": {"a": "rotation"}, "fixed": {"shape": "tee"}},
        {"features": PLAIN, "held_out": 8},
    ],
)
def test_what_borders_on_the_wrong_is_made(spec):
    task = ImageTask(**spec, train=30, validation=5, test=5)
    assert task.stimuli(0).test.inputs.shape == (5, *task.input_shape)
