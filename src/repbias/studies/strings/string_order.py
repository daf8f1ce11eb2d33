"""Learning order of strings: does training the hard feature first narrow the gap in an encoder?

This is the counterpart of `order`. The easy feature is the presence of a marker and the hard one the order of two
markers. They are learned together, or the hard one is trained alone until it is mastered.
"""

from repbias.experiments import LevelDifference, Study, favours, quick_and_full
from repbias.studies.strings import NOTE, string_condition

TOGETHER, HARD_FIRST, FIRST = "together", "hard first", "first, then both"
UNEQUAL = {"easy": "presence", "hard": "precedes"}

STUDY = Study(
    name="string_order",
    title="Learning order of strings",
    question="Does the feature of a string that is learned first keep more of the encoder?",
    domain="strings",
    conditions=(
        string_condition(TOGETHER, {"regime": TOGETHER, "pair": "easy and hard"}, UNEQUAL, steps=900),
        string_condition(HARD_FIRST, {"regime": HARD_FIRST, "pair": "easy and hard"}, UNEQUAL, first="hard", steps=900),
        string_condition(
            "two presences, one first",
            {"regime": FIRST, "pair": "equal"},
            {"first": "presence", "second": "presence"},
            first="first",
            steps=700,
        ),
    ),
    scales=quick_and_full(seeds=(4, 16)),
    claims=(
        favours(
            "C4",
            "Training the hard feature of a string first narrows the gap",
            compare=LevelDifference(factor="regime", more=TOGETHER, less=HARD_FIRST),
            where={"pair": ("easy and hard",)},
            sesoi=0.02,
        ),
        favours("C4", "It does not close the gap", where={"regime": (HARD_FIRST,)}, test="sign", sesoi=0.02),
        favours(
            "C5",
            "Of two equally complex features of a string, the one learned first is represented more strongly",
            pair=("first", "second"),
            where={"pair": ("equal",)},
            sesoi=0.02,
        ),
    ),
    notes=(NOTE,),
)
