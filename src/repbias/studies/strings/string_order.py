"""Learning order of strings: does training the hard feature first narrow the gap in an encoder?

This is the counterpart of `order`. The easy feature is the presence of a marker and the hard one the order of two
markers. They are learned together, or the hard one is trained alone until it is mastered.
"""

from repbias.experiments.comparisons import LevelDifference
from repbias.experiments.contrasts import FeatureDifference
from repbias.experiments.study import Claim, Scale, Study
from repbias.studies.strings.common import NOTE, string_condition

TOGETHER, HARD_FIRST, FIRST = "together", "hard first", "first, then both"
GAP = FeatureDifference(measure="r2", more="easy", less="hard")
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
    scales={"quick": Scale(seeds=4), "full": Scale(seeds=16)},
    claims=(
        Claim(
            id="C4",
            statement="Training the hard feature of a string first narrows the gap",
            contrast=GAP,
            compare=LevelDifference(factor="regime", more=TOGETHER, less=HARD_FIRST),
            where={"pair": ("easy and hard",)},
            sesoi=0.02,
        ),
        Claim(
            id="C4",
            statement="It does not close the gap",
            contrast=GAP,
            where={"regime": (HARD_FIRST,)},
            test="sign",
            sesoi=0.02,
        ),
        Claim(
            id="C5",
            statement="Of two equally complex features of a string, the one learned first is represented more strongly",
            contrast=FeatureDifference(measure="r2", more="first", less="second"),
            where={"pair": ("equal",)},
            sesoi=0.02,
        ),
    ),
    notes=(NOTE,),
)
