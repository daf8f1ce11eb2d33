"""Prevalence: of two equally complex features, is the one that occurs more often in training represented more?

The two features are copied bits, or parities of two bits each. "More often" has two readings, and the study tests
both: the rare feature is present in fewer training items, P(f=1), or it is labelled in fewer of them and does not
enter the loss in the others. Validation and test stimuli are not manipulated. Levels, network and step limit are our
choice.
"""

from repbias.experiments import Claim, Condition, Study, Trend, favours, quick_and_full
from repbias.studies.bits import bits_condition
from repbias.tasks import BooleanFeature

LIMIT = 20_000  # steps
PRESENT, LABELLED = "P(f=1)", "labelled"

# About how many steps a network takes at each level of each reading, for copy and xor (for the estimate of cost).
STEPS = {
    PRESENT: {"0.5": (2_100, 2_700), "0.2": (2_150, 2_700), "0.1": (2_300, 3_400), "0.05": (2_500, 4_900),
              "0.02": (3_000, 8_300)},
    LABELLED: {"1": (2_100, 2_700), "0.5": (2_200, 3_200), "0.2": (2_400, 5_500), "0.1": (2_700, 9_500),
            "0.05": (3_300, LIMIT), "0.02": (5_500, LIMIT)},
}  # fmt: skip
FUNCTIONS = ("copy", "xor")


def _condition(reading: str, function: str, level: str) -> Condition:
    prevalence, labelled = (float(level), 1.0) if reading == PRESENT else (0.5, float(level))
    rare = BooleanFeature(function=function, prevalence=prevalence, labelled=labelled)
    return bits_condition(
        f"{reading} {level}, {function}",
        {"reading": reading, "features": f"{function} and {function}", "prevalence": level},
        {"common": function, "rare": rare},
        limit=LIMIT,
        steps=STEPS[reading][level][FUNCTIONS.index(function)],
    )


QUICK = tuple(
    f"{reading} {level}, copy"
    for reading, levels in ((PRESENT, ("0.5", "0.1", "0.02")), (LABELLED, ("1", "0.1", "0.02")))
    for level in levels
)


def falls_behind(statement: str, sesoi: float, factor: str = "prevalence") -> Claim:
    """Return the part of C8 that is a trend: the gap per halving of how often the rare feature occurs."""
    trend = Trend(factor=factor, scale="log2", falling=True)
    return favours("C8", statement, pair=("common", "rare"), compare=trend, sesoi=sesoi)


STUDY = Study(
    name="prevalence",
    title="Prevalence",
    question="Of two equally complex features, does the more prevalent one get more of the representation?",
    conditions=tuple(
        _condition(reading, function, level)
        for reading, levels in STEPS.items()
        for function in FUNCTIONS
        for level in levels
    ),
    scales=quick_and_full(QUICK),
    claims=(
        falls_behind("The rarer one of two equally complex features, the further it falls behind the other", 0.01),
        favours(
            "C8",
            "The more prevalent one explains more variance where the other is rare",
            pair=("common", "rare"),
            where={"prevalence": ("0.1", "0.02")},
            sesoi=0.05,
        ),
    ),
    notes=(
        "The paper's abstract says that a feature's prevalence changes how strongly it is represented. Which of the "
        "two readings of prevalence it means is not known to us, nor are its levels.",
        "The smallest effect of interest of the trend, 0.01 per halving, adds up to the 0.05 of the second part over "
        "the range of levels. The trend is fitted within each seed, over the levels at which the network passed the "
        "accuracy criterion: at least two thirds of the levels.",
        "Where xor is labelled in 5 % of 16,384 training items or fewer, networks memorise these items and do not "
        f"pass the accuracy criterion within {LIMIT:,} steps. The difference is therefore taken at the lowest level, "
        "0.02, and at 0.1. We chose 0.1 because a trial network, of a seed that this study does not use, passed the "
        "accuracy criterion there in all settings.",
        "A rare feature is also learned later. This study does not separate prevalence from learning order.",
    ),
)
