"""Difficulty: is the bias graded among nonlinear features, and does a measure of the function predict it?

Networks learn each of nine boolean functions alone, and each beside a copied bit. Three measures say how hard a
function is. Two come from its truth table (`repbias.tasks.bits.functions`): its sensitivity to single bits, and how
many bits must be combined. The third is the number of steps that a network needs to master the function alone. Readers
of the paper asked for this study; functions, measures and network are our choice.
"""

from itertools import product

from repbias.experiments import (
    Claim,
    Condition,
    Contrast,
    FeatureDifference,
    Ladder,
    Level,
    Mastery,
    Rung,
    Study,
    Trend,
    quick_and_full,
)
from repbias.studies.bits import bits_condition
from repbias.tasks import BooleanFeature
from repbias.tasks.bits.functions import truth_table_complexity

STEP_LIMIT = 40_000
ALONE, BESIDE = "alone", "beside a copy"
# About how many steps a network takes, alone and beside a copy (for the estimate of cost).
STEPS = {
    "copy": (2_100, 2_100),
    "and": (2_100, 2_200),
    "or": (2_100, 2_200),
    "threshold3": (2_100, 2_200),
    "threshold5": (2_200, 2_300),
    "xor": (2_400, 2_500),
    "xor_of_ands": (2_900, 3_200),
    "parity3": (4_300, 5_500),
    "parity4": (7_000, 11_000),
}
NONLINEAR = tuple(kind for kind in STEPS if kind != "copy")


def _condition(setting: str, kind: str) -> Condition:
    feature = BooleanFeature.model_validate(kind)
    complexity = truth_table_complexity(feature.function, feature.inputs)
    easy = {"easy": "copy"} if setting == BESIDE else {}
    factors = {
        "setting": setting,
        "kind": kind,
        "sensitivity": f"{complexity.average_sensitivity:g}",
        "degree": str(complexity.degree),
    }
    steps = STEPS[kind][setting == BESIDE]
    return bits_condition(f"{kind}, {setting}", factors, {**easy, "hard": kind}, limit=STEP_LIMIT, steps=steps)


CONDITIONS = tuple(_condition(*cell) for cell in product((ALONE, BESIDE), STEPS))


def _claims(id: str, lead: str, contrast: Contrast, setting: str, sesoi: float, falling: bool) -> tuple[Claim, ...]:
    """Return the claim on the trend over nonlinear functions, once for each measure of difficulty."""
    return tuple(
        Claim(
            id=id,
            statement=f"{lead} {what}",
            contrast=contrast,
            compare=Trend(factor=factor, along=("kind", other), falling=falling),
            where={"setting": (setting,), "kind": NONLINEAR},
            sesoi=sesoi,
        )
        for factor, other, what in (
            ("sensitivity", "degree", "the more sensitive the function is to single bits"),
            ("degree", "sensitivity", "the more bits must be taken together"),
        )
    )


STUDY = Study(
    name="difficulty",
    title="Difficulty",
    question="Is the bias graded among nonlinear features, and does the truth table predict it?",
    conditions=CONDITIONS,
    scales=quick_and_full(
        f"{kind}, {setting}" for setting in (ALONE, BESIDE) for kind in ("and", "threshold5", "xor", "parity3")
    ),
    claims=(
        *_claims("steps alone", "Alone, a function takes longer to master", Mastery(later="hard"), ALONE, 0.1, False),
        *_claims("R2 alone", "Alone, a function explains less variance", Level(of=("hard",)), ALONE, 0.02, True),
        *_claims(
            "R2 beside a copy",
            "Beside a copy, a function explains less variance",
            Level(of=("hard",)),
            BESIDE,
            0.02,
            True,
        ),
        *_claims(
            "gap beside a copy",
            "The gap between a copy and a function is wider",
            FeatureDifference(more="easy", less="hard"),
            BESIDE,
            0.02,
            False,
        ),
    ),
    ladders=tuple(
        Ladder(
            title=title,
            by="kind",
            x=Rung(contrast=Mastery(later="hard"), where={"setting": (ALONE,)}),
            y=Rung(contrast=contrast, where={"setting": (setting,)}),
        )
        for title, contrast, setting in (
            ("Alone", Level(of=("hard",)), ALONE),
            ("Beside a copy", Level(of=("hard",)), BESIDE),
        )
    ),
    notes=(
        "This is not a claim of the paper: readers asked whether the bias is graded among nonlinear features. Trends "
        "run over the eight functions other than the copy; the two conditions in which the hard feature is a copy "
        "serve for comparison.",
        "Sensitivity and degree come from the truth table, with every input pattern equally likely. In the stimuli "
        "patterns are not equally likely, because features are balanced exactly: an AND is 1 in half of them. AND, "
        "OR, the thresholds and XOR of ANDs are therefore correlated with their single bits, and what a layer "
        "retains of these bits counts for the feature.",
        "The two measures disagree for functions with a large linear part: the majority of five bits has degree 5 "
        "and is less sensitive than XOR of two bits. Both trends are tested, and neither is preferred.",
        "A trend requires that a network has mastered at least two thirds of the functions, with at most "
        f"{STEP_LIMIT:,} steps for each.",
    ),
)
