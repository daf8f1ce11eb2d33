"""Order: does the feature that is learned first keep more of the representation?

Networks learn an easy feature (one bit) and a hard one (a parity) together, hard first or easy first; or two equally
complex features, one before the other. A first stage trains one feature alone until it is mastered; the next trains
both until both are mastered, and 2,000 steps more. Output weights, loss and stimuli are the same throughout.
"""

from repbias.experiments import Condition, LevelDifference, Study, favours, quick_and_full
from repbias.studies.bits import bits_condition

LIMIT = 40_000  # steps of a phase
TOGETHER, HARD_FIRST, EASY_FIRST, STAGED = "together", "hard first", "easy first", "first, then both"
# The feature that is trained alone before both are.
ALONE = {TOGETHER: None, HARD_FIRST: "hard", EASY_FIRST: "easy", STAGED: "first"}

# About how many steps a network takes in each regime, for the estimate of cost.
HARD = {
    "parity3": {TOGETHER: 5_500, HARD_FIRST: 4_500, EASY_FIRST: 5_700},
    "parity4": {TOGETHER: 11_800, HARD_FIRST: 9_800, EASY_FIRST: 12_200},
}
EQUAL = {"copy": 2_200, "parity3": 9_800}


def _condition(features: dict[str, str], factors: dict[str, str], steps: int) -> Condition:
    name, first = ", ".join(factors.values()), ALONE[factors["regime"]]
    return bits_condition(name, factors, features, first=first, limit=LIMIT, steps=steps)


UNEQUAL_CONDITIONS = tuple(
    _condition({"easy": "copy", "hard": hard}, {"hard": hard, "regime": regime}, steps)
    for hard, regimes in HARD.items()
    for regime, steps in regimes.items()
)
EQUAL_CONDITIONS = tuple(
    _condition({"first": function, "second": function}, {"pair": f"{function} and {function}", "regime": STAGED}, steps)
    for function, steps in EQUAL.items()
)

STUDY = Study(
    name="order",
    title="Learning order",
    question="Does the feature that is learned first keep more of the representation?",
    conditions=UNEQUAL_CONDITIONS + EQUAL_CONDITIONS,
    scales=quick_and_full((f"parity3, {TOGETHER}", f"parity3, {HARD_FIRST}", f"copy and copy, {STAGED}")),
    claims=(
        favours(
            "C4",
            "Training the hard feature first narrows the gap",
            compare=LevelDifference(factor="regime", more=TOGETHER, less=HARD_FIRST),
            where={"hard": tuple(HARD)},
            sesoi=0.05,
        ),
        favours(
            "C4",
            "Training the hard feature first does not close the gap",
            where={"hard": tuple(HARD), "regime": (HARD_FIRST,)},
            test="sign",
            sesoi=0.05,
        ),
        favours(
            "control",
            "It is the order that narrows the gap, not training in two stages: easy first leaves it wider",
            illuminates="C4",
            compare=LevelDifference(factor="regime", more=EASY_FIRST, less=HARD_FIRST),
            where={"hard": tuple(HARD)},
            sesoi=0.05,
        ),
        favours(
            "C5",
            "Of features of equal complexity, the one learned first is represented more strongly",
            pair=("first", "second"),
            where={"pair": tuple(f"{function} and {function}" for function in EQUAL)},
            sesoi=0.05,
        ),
    ),
    notes=(
        "The paper's curriculum is not known to us. Ours trains one feature alone until its validation accuracy "
        "reaches 99 %, without further steps, and then both features until both reach it, and 2,000 steps more, with "
        f"at most {LIMIT:,} steps per phase. Functions, network and learning rate are our choice too.",
        "For each seed, the regimes share stimuli and initial weights, and all end 2,000 steps after both features "
        "are mastered. They differ in length: the feature that is learned first gets more training than the second. "
        "This study does not test whether a longer second phase would change the gap.",
        "Any gap above zero counts as not closed, however small; its interval shows how large it is.",
        "Two features of one kind differ only in which of them is trained first: their bits and outputs are "
        "interchangeable in distribution, so that without the order their difference would be zero on average.",
    ),
)
