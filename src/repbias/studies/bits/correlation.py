"""Correlation: when two features agree in training, is the easy one represented and the hard one suppressed?

An easy and a hard feature (or two easy ones) agree in half of the training items, or in up to 95 % of them, while they
are independent in validation and test stimuli. Where they nearly always agree, a network could report the easy feature
for both and would nearly always be right.
"""

from itertools import product

from repbias.experiments import Claim, Condition, Level, Study, Trend, favours, quick_and_full
from repbias.studies.bits import bits_condition
from repbias.tasks import Agreement

STEP_LIMIT = 20_000
UNEQUAL, EQUAL = "easy and hard", "easy and easy"
PAIRS = {UNEQUAL: {"easy": "copy", "hard": "parity3"}, EQUAL: {"easy": "copy", "twin": "copy"}}
# Share of training items in which the two agree, and about how many steps each pair takes (for the estimate of cost).
SHARES = {
    "0.5": {UNEQUAL: 5_100, EQUAL: 2_100},
    "0.65": {UNEQUAL: 5_600, EQUAL: 2_100},
    "0.8": {UNEQUAL: 6_900, EQUAL: 2_200},
    "0.95": {UNEQUAL: 14_000, EQUAL: 2_700},
}


def _condition(pair: str, share: str) -> Condition:
    first, second = PAIRS[pair]
    return bits_condition(
        f"{pair}, {share}",
        {"pair": pair, "share": share},
        PAIRS[pair],
        agreement=Agreement(first=first, second=second, share=float(share)),
        limit=STEP_LIMIT,
        steps=SHARES[share][pair],
    )


CONDITIONS = tuple(_condition(*cell) for cell in product(PAIRS, SHARES))
RISE, FALL = Trend(factor="share"), Trend(factor="share", falling=True)
HERE = {"pair": (UNEQUAL,)}
# Slopes are per unit of the share. The levels span .45, so a slope of .1 is a change of .045 from end to end.
SLOPE = 0.1

STUDY = Study(
    name="correlation",
    title="Correlation",
    question="Of two features that usually agree in training, which one is represented?",
    conditions=CONDITIONS,
    scales=quick_and_full(f"{pair}, {share}" for pair in PAIRS for share in ("0.5", "0.8")),
    claims=(
        Claim(
            id="suppression",
            statement="The more two features agree in training, the wider the gap (learned or not)",
            contrast=Level(of=("easy",), less=("hard",), criterion=()),
            compare=RISE,
            where=HERE,
            sesoi=SLOPE,
        ),
        favours(
            "suppression", "The same among networks that report both features", compare=RISE, where=HERE, sesoi=SLOPE
        ),
        Claim(
            id="suppression",
            statement="The hard feature explains less, the more it agrees with the easy one",
            contrast=Level(of=("hard",), criterion=()),
            compare=FALL,
            where=HERE,
            sesoi=SLOPE,
        ),
        Claim(
            id="preference",
            statement="Where the two agree, the easy feature is represented more strongly; every network counts",
            contrast=Level(of=("easy",), less=("hard",), criterion=()),
            where={**HERE, "share": ("0.65", "0.8", "0.95")},
            sesoi=0.05,
        ),
        Claim(
            id="easy feature",
            statement="The easy feature explains more, the more it agrees with the hard one",
            contrast=Level(of=("easy",)),
            compare=RISE,
            where=HERE,
            sesoi=SLOPE,
        ),
        favours(
            "equals",
            "Between two easy features, agreement opens no gap",
            pair=("easy", "twin"),
            compare=RISE,
            where={"pair": (EQUAL,)},
            sesoi=SLOPE,
            test="equivalence",
        ),
    ),
    notes=(
        "The question is that of Hermann & Lampinen (2020), not a claim of the paper. In their experiment one label "
        "could be predicted from either of two features, and networks came to represent mostly the one that is "
        "easier to decode. Here each feature keeps its own output. Agreement removes most of the need for the hard "
        "feature but never all of it, because items in which the two differ can be reported only by computing it.",
        "A network trains until it reports both features with 99 % accuracy on stimuli in which they are "
        f"independent, or for {STEP_LIMIT:,} steps. The more the two agree, the longer a network trains; longer "
        "training is part of the condition.",
        "Where a statistic says “accuracy criterion on none”, a network counts whether or not it learned to report "
        "the hard feature, because failing to learn it is part of the answer. The second claim requires both "
        "features, and its n shows how many networks passed. The trend of the easy feature requires only that the "
        "easy feature passed.",
        "Variance is measured on test stimuli, in which the two features are independent, so that neither can be "
        "mistaken for the other. The tables also hold `unique`, which must nearly equal R2 here.",
    ),
)
