"""Dynamics: when does each feature's share of the representation grow, before it is mastered or long after?

The networks are those of `complexity`, condition by condition, so that nothing is trained twice. Training is cut at the
two steps of mastery (easy, then hard) into three stretches, and growth is read in each, as an amount and as a rate.
"""

from repbias.experiments.contrasts import END, START, Growth, Mastery
from repbias.experiments.study import Claim, Study
from repbias.studies.bits.complexity import CONDITIONS
from repbias.studies.bits.complexity import STUDY as COMPLEXITY

BEFORE, BETWEEN, AFTER = (START, "easy"), ("easy", "hard"), ("hard", END)
STRETCHES = {
    "before the easy one is mastered": BEFORE,
    "while the hard one is being learned": BETWEEN,
    "after both are mastered": AFTER,
}


def _stretches(feature: str) -> tuple[Claim, ...]:
    return tuple(
        Claim(
            id=f"{feature} feature by stretch",
            illuminates="C3",
            statement=f"The {feature} feature's variance grows {when}",
            contrast=Growth(feature=feature, over=stretch),
            test="descriptive",
        )
        for when, stretch in STRETCHES.items()
    )


STUDY = Study(
    name="dynamics",
    title="Dynamics",
    question="When does a feature's share of the representation grow: while it is learned, or after?",
    conditions=CONDITIONS,
    scales=COMPLEXITY.scales,
    claims=(
        Claim(
            id="C3",
            statement="The easy feature is mastered before the hard one",
            contrast=Mastery(later="hard", earlier="easy"),
            test="sign",
            sesoi=0.1,  # mastered 7 % later
        ),
        Claim(
            id="C3",
            statement="The easy feature's variance goes on growing after it is mastered",
            contrast=Growth(feature="easy", over=("easy", END)),
            sesoi=0.02,
        ),
        Claim(
            id="C3",
            statement="It grows most while the hard feature is being learned: by more than afterwards",
            contrast=Growth(feature="easy", over=BETWEEN, minus=AFTER),
            test="sign",
            sesoi=0.02,
        ),
        Claim(
            id="C3",
            statement="It grows most while the hard feature is being learned: faster than afterwards",
            contrast=Growth(feature="easy", over=BETWEEN, minus=AFTER, per_step=True),
            test="sign",
            sesoi=0.01,  # per 1,000 steps: 0.02 over the 2,000 steps after both masteries
        ),
        *_stretches("easy"),
        *_stretches("hard"),
    ),
    notes=(
        "Conditions and networks are those of the study complexity; two of the claims of C3 stand there too.",
        "That the easy feature comes first is what the claim takes for granted; it is tested here, not claimed.",
        "Which stretch the paper compares with is not known to us. A network stops 2,000 steps after both "
        "masteries, so "
        "that an amount of growth depends on our stop rule and a rate does not. A rate is higher early in any curve "
        "that levels off: neither reading says that learning the hard feature causes the growth.",
        "Growth before the easy feature is mastered is left out of the comparison: learning it is that growth. The "
        "claim speaks of what comes after.",
        "Growth is on the scale of the final total variance, so that it says nothing of what else grows beside it. The "
        "curves by stretch are our addition; each row is a test of growth of more than 0.02, not a prediction.",
    ),
)
