"""Dynamics: when does each feature's share of the representation grow, while it is learned or afterwards?

The conditions and networks are those of `complexity`. The two steps at which the features are mastered (the easy one,
then the hard one) divide training into three stretches. Growth is read in each stretch, as an amount and as a rate.
"""

from repbias.experiments import END, START, Claim, Growth, Mastery, Study
from repbias.studies.bits.complexity import CONDITIONS, GROWS_ON
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
    question="When does a feature's share of the representation grow: while it is learned, or afterwards?",
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
        GROWS_ON,
        Claim(
            id="C3",
            statement="The easy feature's variance grows more while the hard feature is learned than afterwards",
            contrast=Growth(feature="easy", over=BETWEEN, minus=AFTER),
            test="sign",
            sesoi=0.02,
        ),
        Claim(
            id="C3",
            statement="The easy feature's variance grows faster while the hard feature is learned than afterwards",
            contrast=Growth(feature="easy", over=BETWEEN, minus=AFTER, per_step=True),
            test="sign",
            sesoi=0.01,  # per 1,000 steps: 0.02 over the 2,000 steps after both masteries
        ),
        *_stretches("easy"),
        *_stretches("hard"),
    ),
    notes=(
        "Conditions and networks are those of the study `complexity`, which also tests two of the claims of C3.",
        "The claim takes for granted that the easy feature is mastered first; this study tests it.",
        "Which stretch the paper compares with is not known to us. A network stops 2,000 steps after it has mastered "
        "both features, so an amount of growth depends on our stopping rule and a rate does not. In any curve that "
        "levels off, the rate is higher early on: neither reading shows that learning the hard feature causes the "
        "growth.",
        "The comparison leaves out growth before the easy feature is mastered, because that growth is part of "
        "learning it. The claim is about the time after mastery.",
        "Growth is measured relative to the final total variance, so it does not show what else grows in the layer. "
        "The rows on single stretches are our addition: they describe growth, predict nothing and have no verdict.",
    ),
)
