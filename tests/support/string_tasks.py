"""Small string tasks of every kind, for the tests."""

from repbias.tasks.strings.task import StringTask

KINDS = {
    "presence": "presence",
    "precedes": {"kind": "precedes", "extent": 5},
    "equality": {"kind": "equality", "symbols": 3},
    "parity": {"kind": "parity", "markers": 3, "extent": 7},
    "count": {"kind": "count", "most": 3, "threshold": 2},
    "brackets": {"kind": "brackets", "pairs": 3, "depth": 2, "extent": 12},
}
SMALL = {"train": 600, "validation": 120, "test": 120}


def small(features, **settings):
    return StringTask(**{"features": features, "length": 24, **SMALL, **settings})


def splits(task, seed=0):
    stimuli = task.stimuli(seed)
    return {"train": stimuli.train, "validation": stimuli.validation, "test": stimuli.test}
