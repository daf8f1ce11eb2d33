"""Architecture: do activation, initial weights, normalisation and skips change which feature is favoured?

The study changes one factor at a time in a base network: four hidden layers of 64 units, leaky ReLU, Glorot weights,
no normalisation, no skips. Each network reports a copied bit (easy) and the parity of three other bits (hard). The
whole study is our own question: the paper speaks only of depth and width.
"""

from repbias.experiments import Claim, Condition, LevelDifference, Study, favours, quick_and_full
from repbias.models import MLP
from repbias.studies.bits import bits_condition

STEP_LIMIT = 20_000
BASE = {"activation": "leaky_relu", "gain": "1", "norm": "none", "residual": "no"}
# Factor, its other levels, and about how many steps a network then takes (for the estimate of cost).
CHANGES = {
    "activation": {"relu": 4_800, "tanh": 6_000, "gelu": 9_000},
    "gain": {"0.5": 11_000, "2": 3_500},
    "norm": {"batch": 2_800, "layer": 3_200},
    "residual": {"yes": 3_800},
}


def _condition(name: str, steps: int, **changed: str) -> Condition:
    factors = {**BASE, **changed}
    # The model is built from the factors' own text, so that a level and the setting it names cannot disagree.
    model = {
        "widths": (64,) * 4,
        "activation": factors["activation"],
        "norm": factors["norm"],
        "residual": factors["residual"] == "yes",
        "gain": None if factors["gain"] == BASE["gain"] else float(factors["gain"]),
    }
    return bits_condition(name, factors, model=MLP.model_validate(model), limit=STEP_LIMIT, steps=steps)


CONDITIONS = (
    _condition("base", 5_500),
    *(
        _condition(f"{factor} {level}", steps, **{factor: level})
        for factor, levels in CHANGES.items()
        for level, steps in levels.items()
    ),
)


def _change(factor: str, level: str) -> Claim:
    return favours(
        f"{factor} {level}",
        f"{factor} {level} instead of {BASE[factor]} leaves the gap within 0.1 of the base network's",
        illuminates="C1",
        compare=LevelDifference(factor=factor, more=level, less=BASE[factor]),
        sesoi=0.1,
        test="equivalence",
    )


STUDY = Study(
    name="architecture",
    title="Architecture",
    question="Is the easy feature favoured whatever the activation, initial weights, norm and skips of the network?",
    conditions=CONDITIONS,
    scales=quick_and_full(("base", "activation tanh", "gain 2", "norm batch", "residual yes")),
    claims=(
        favours(
            "gap",
            "The easy feature explains more variance than the hard one, in every network",
            illuminates="C1",
            sesoi=0.05,
        ),
        *(_change(factor, level) for factor, levels in CHANGES.items() for level in levels),
    ),
    notes=(
        "This is our own question, not a claim of the paper. The paper speaks of depth and width, which the studies "
        "`depth` and `width` vary.",
        "Each change has a claim that the gap stays within 0.1 of the base network's. No direction was predicted. "
        "Where this is not shown, the interval tells whether the gap changes, and in which direction, or whether there "
        "are too few seeds to decide.",
        "The learning rate is 0.05 throughout. The gain of the initial weights and the normalisation change how fast "
        "a network learns, and so how long it trains: until 2,000 steps after it has mastered both features (99 %), "
        f"or for {STEP_LIMIT:,} steps.",
        "With skips, three of the four hidden layers add their input to their output; the first layer changes the "
        "width and cannot. Batch norm uses the statistics of the batch in training and its running averages when the "
        "network is measured.",
    ),
)
