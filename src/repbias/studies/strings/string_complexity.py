"""Complexity of strings: does the simpler of two features get more of an encoder, as it does of an MLP?

The easy feature is the presence of a marker, which a sum over tokens reveals. The hard feature is the order of two
markers, the equality of two slots, a parity of markers, a count, or whether brackets are balanced. This is the
counterpart of `complexity`.
"""

from repbias.experiments import Study, favours, quick_and_full
from repbias.studies.strings import NOTE, string_condition
from repbias.tasks.strings.features import AnyStringFeature, Parity

HARD: dict[str, str | AnyStringFeature] = {
    "count": "count",
    "order of two markers": "precedes",
    "equality of two slots": "equality",
    "parity of two markers": Parity(markers=2),
    "parity of three markers": Parity(markers=3),
    "brackets": "brackets",
}
STEPS = {"count": 700, "order of two markers": 900, "equality of two slots": 1_500, "brackets": 1_500}

STUDY = Study(
    name="string_complexity",
    title="Complexity of strings",
    question="Of two features of a string, does the simpler one get more of the encoder?",
    domain="strings",
    conditions=tuple(
        string_condition(name, {"hard": name}, {"easy": "presence", "hard": kind}, steps=STEPS.get(name, 2_500))
        for name, kind in HARD.items()
    ),
    scales=quick_and_full(("count", "order of two markers"), seeds=(4, 16)),
    claims=(
        favours("C1", "Of two features of a string, the simpler explains more of the last encoder layer", sesoi=0.02),
        favours(
            "C2",
            "The simpler feature is represented more densely: more units carry it",
            measure="density_0.1",
            sesoi=0.05,
        ),
    ),
    notes=(
        NOTE,
        "A mean over tokens contains a marker's presence whatever the network does with it: step 0 of the learning "
        "curves shows how much of the untrained encoder each feature explains.",
    ),
)
