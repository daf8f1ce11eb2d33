"""Isolation: is a feature represented more strongly where it is learned alone than among others?

One target feature and 0, 1, 3 or 7 companions, of its own complexity or of less. The target, its bits and its labels
are the same for all numbers of companions; bits that no companion reads are noise. Every feature has an output of its
own with the same loss.
"""

from repbias.experiments.comparisons import LevelDifference, Trend
from repbias.experiments.contrasts import Level
from repbias.experiments.study import Claim, Condition, Scale, Study
from repbias.models import MLP
from repbias.tasks import BooleanTask
from repbias.training import SGD, Training

COMPANIONS = (0, 1, 3, 7)
# Function of the target, that of its companions, and about how many steps a network takes with each number of them.
SERIES = {
    "parity3 among parity3": ("parity3", "parity3", (4_300, 7_000, 19_000, 34_000)),
    "copy among copies": ("copy", "copy", (2_100, 2_100, 2_100, 2_200)),
    "parity3 among copies": ("parity3", "copy", (4_300, 5_700, 9_100, 19_700)),
}
TARGET = Level(measure="r2", of=("target",))


def _condition(series: str, companions: int, steps: int) -> Condition:
    target, companion, _ = SERIES[series]
    others = {f"companion_{i}": companion for i in range(1, companions + 1)}
    return Condition(
        name=f"{series}, {companions} companions",
        factors={"series": series, "companions": str(companions)},
        task=BooleanTask(features={"target": target, **others}),
        model=MLP(widths=(64, 64, 64, 64)),
        training=Training(optimizer=SGD(lr=0.05)),
        steps=steps,
    )


CONDITIONS = tuple(
    _condition(series, companions, steps)
    for series, (_, _, all_steps) in SERIES.items()
    for companions, steps in zip(COMPANIONS, all_steps, strict=True)
)

STUDY = Study(
    name="isolation",
    title="Isolation",
    question="Is a feature represented more strongly where it is learned alone than among other features?",
    conditions=CONDITIONS,
    scales={
        "quick": Scale(
            conditions=tuple(
                f"{series}, {companions} companions"
                for series, most in (("copy among copies", 7), ("parity3 among parity3", 1))
                for companions in COMPANIONS
                if companions <= most
            ),
            seeds=4,
        ),
        "full": Scale(seeds=20),
    },
    claims=(
        Claim(
            id="C6",
            statement="A feature learned alone is represented more strongly than one learned with seven more",
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
        "The paper's numbers of features are not known to us; 0 to 7 companions, their functions, network and learning "
        "rate are our choice.",
        "R2 is a share of a layer's variance, and the shares of independent features add up to 1 at most: that k "
        "features of one kind have 1/k each or less is arithmetic. What is not: how far below 1 the target lies when "
        "alone, and how far below 1/k among companions that are simpler than it.",
        "A network stops 2,000 steps after all of its features passed the accuracy criterion, and so trains "
        "longer where they are "
        "many. Only the target must pass the accuracy criterion for a network to be analysed; companions that "
        "did not are in the "
        "table of accuracies.",
        "A target without companions is the same run in both series of parity3. The slope is per companion, on a "
        "linear scale, and the seven companions weigh most in it.",
    ),
)
