"""Isolation: is a feature represented more strongly when it is learned alone than among others?

A target feature is learned with 0, 1, 3 or 7 companions, as complex as the target or simpler. The target, its bits and
its labels are the same for all numbers of companions; bits that no companion reads are noise. Each feature has its own
output with the same loss.
"""

from repbias.experiments import Claim, Condition, Level, LevelDifference, Study, Trend, quick_and_full
from repbias.studies.bits import bits_condition

COMPANIONS = (0, 1, 3, 7)
# The target's function, its companions' function, and about how many steps a network takes with 0, 1, 3 and 7 of them.
SERIES = {
    "parity3 among parity3": ("parity3", "parity3", (4_300, 7_000, 19_000, 34_000)),
    "copy among copies": ("copy", "copy", (2_100, 2_100, 2_100, 2_200)),
    "parity3 among copies": ("parity3", "copy", (4_300, 5_700, 9_100, 19_700)),
}
TARGET = Level(measure="r2", of=("target",))


def _condition(series: str, companions: int, steps: int) -> Condition:
    target, companion, _ = SERIES[series]
    others = {f"companion_{i}": companion for i in range(1, companions + 1)}
    factors = {"series": series, "companions": str(companions)}
    return bits_condition(f"{series}, {companions} companions", factors, {"target": target, **others}, steps=steps)


CONDITIONS = tuple(
    _condition(series, companions, steps)
    for series, (_, _, all_steps) in SERIES.items()
    for companions, steps in zip(COMPANIONS, all_steps, strict=True)
)

STUDY = Study(
    name="isolation",
    title="Isolation",
    question="Is a feature represented more strongly when it is learned alone than among other features?",
    conditions=CONDITIONS,
    scales=quick_and_full(
        f"{series}, {companions} companions"
        for series, most in (("copy among copies", 7), ("parity3 among parity3", 1))
        for companions in COMPANIONS
        if companions <= most
    ),
    claims=(
        Claim(
            id="C6",
            statement="A feature learned alone is represented more strongly than one learned with seven others",
            contrast=TARGET,
            compare=LevelDifference(factor="companions", more="0", less="7"),
            sesoi=0.05,
        ),
        Claim(
            id="C6",
            statement="The more features are learned with it, the less strongly a feature is represented",
            contrast=TARGET,
            compare=Trend(factor="companions", falling=True),
            sesoi=0.01,
        ),
    ),
    notes=(
        "The paper's numbers of features are not known to us; 0 to 7 companions, their functions, the network and "
        "the learning rate are our choice.",
        "R2 is a share of a layer's variance, and the shares of independent features add up to 1 at most. It is "
        "therefore arithmetic that k features of one kind have 1/k each or less. It is not arithmetic how far below "
        "1 the target lies when it is alone, or how far below 1/k it lies among simpler companions.",
        "A network stops 2,000 steps after it has mastered all of its features, and so trains longer when there are "
        "many. A network is analysed if it passes the accuracy criterion on the target; the table of accuracies "
        "shows which companions failed it.",
        "A target without companions is the same run in both series of `parity3`. The slope is per companion, on a "
        "linear scale, so the condition with seven companions has the most weight.",
    ),
)
