"""Architecture: is the easy feature favoured whatever the activation, the initial weights, the norm, the skips?

One factor at a time is changed from a base network: 4 x 64, leaky ReLU, Glorot weights, no norm, no skips. Nothing of
this is known from the paper beyond depth and width; all of it is our question.
"""

from repbias.experiments.comparisons import LevelDifference
from repbias.experiments.contrasts import FeatureDifference
from repbias.experiments.study import Claim, Condition, Scale, Study
from repbias.models import MLP
from repbias.tasks import BooleanTask
from repbias.training import SGD, Phase, Training

STEP_LIMIT = 20_000
BASE = {"activation": "leaky_relu", "gain": "1", "norm": "none", "residual": "no"}
# What is changed, to what, and about how many steps a network then takes.
CHANGES = {
    "activation": {"relu": 4_800, "tanh": 6_000, "gelu": 9_000},
    "gain": {"0.5": 11_000, "2": 3_500},
    "norm": {"batch": 2_800, "layer": 3_200},
    "residual": {"yes": 3_800},
}


def _condition(name: str, steps: int, **changed: str) -> Condition:
    factors = {**BASE, **changed}
    # The network is read as text is, so that a factor's level and what it stands for cannot part.
    model = {
        "widths": (64,) * 4,
        "activation": factors["activation"],
        "norm": factors["norm"],
        "residual": factors["residual"] == "yes",
        "gain": None if factors["gain"] == BASE["gain"] else float(factors["gain"]),
    }
    return Condition(
        name=name,
        factors=factors,
        task=BooleanTask(features={"easy": "copy", "hard": "parity3"}),
        model=MLP.model_validate(model),
        training=Training(optimizer=SGD(lr=0.05), phases=(Phase(steps=STEP_LIMIT),)),
        steps=steps,
    )


CONDITIONS = (
    _condition("base", 5_500),
    *(
        _condition(f"{factor} {level}", steps, **{factor: level})
        for factor, levels in CHANGES.items()
        for level, steps in levels.items()
    ),
)
GAP = FeatureDifference(measure="r2", more="easy", less="hard")


def _change(factor: str, level: str) -> Claim:
    return Claim(
        id=f"{factor} {level}",
        illuminates="C1",
        statement=f"{factor} {level} instead of {BASE[factor]} leaves the gap within 0.1 of the base network's",
        contrast=GAP,
        compare=LevelDifference(factor=factor, more=level, less=BASE[factor]),
        sesoi=0.1,
        test="equivalence",
    )


STUDY = Study(
    name="architecture",
    title="Architecture",
    question="Is the easy feature favoured whatever the activation, initial weights, norm and skips of the network?",
    conditions=CONDITIONS,
    scales={
        "quick": Scale(conditions=("base", "activation tanh", "gain 2", "norm batch", "residual yes"), seeds=4),
        "full": Scale(seeds=20),
    },
    claims=(
        Claim(
            id="gap",
            illuminates="C1",
            statement="The easy feature explains more variance than the hard one, in every network",
            contrast=GAP,
            sesoi=0.05,
        ),
        *(_change(factor, level) for factor, levels in CHANGES.items() for level in levels),
    ),
    notes=(
        "Our question, not a claim of the paper: it speaks of depth and width, which the study of depth varies.",
        "The differences from the base network are there to be read: no direction was predicted, and none is judged. "
        "What their verdict says is whether the gap is shown to stay within 0.1 of the base's; where it is not, the "
        "interval tells in which direction it lies, or that the seeds do not settle it.",
        "The learning rate is 0.05 throughout. A gain or a norm changes how fast a network learns, and so how long it "
        f"trains: until 2,000 steps after both features passed 99 %, or {STEP_LIMIT:,} steps.",
        "With skips, three of the four hidden layers add their input; the first changes the width and cannot. Batch "
        "norm is fitted to batches in training and reads its running means when measured.",
    ),
)
