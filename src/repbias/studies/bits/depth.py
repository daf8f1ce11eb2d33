"""Depth: does the gap between an easy and a hard feature grow with the number of layers?

Networks have one to eight hidden layers of 64 units, and all learn the same copied bit and parity of three bits. The
paper's depths are not known to us; these are our choice.
"""

from repbias.experiments import Study, Trend, favours, quick_and_full
from repbias.models import MLP
from repbias.studies.bits import bits_condition

LIMIT = 25_000  # steps
# About how many steps a network takes at each depth, for the estimate of cost.
STEPS = {1: 9_300, 2: 6_300, 3: 5_300, 4: 5_800, 6: 5_900, 8: 7_900}


STUDY = Study(
    name="depth",
    title="Depth",
    question="Does the gap between an easy and a hard feature grow with the depth of the network?",
    conditions=tuple(
        bits_condition(
            f"{depth} x 64", {"depth": str(depth)}, model=MLP(widths=(64,) * depth), limit=LIMIT, steps=steps
        )
        for depth, steps in STEPS.items()
    ),
    scales=quick_and_full(("1 x 64", "2 x 64", "4 x 64")),
    claims=(
        favours(
            "C9", "The gap between easy and hard grows with an MLP's depth", compare=Trend(factor="depth"), sesoi=0.01
        ),
    ),
    notes=(
        "The gap is read in the last hidden layer of each network. With one hidden layer, that is also the first.",
        "The smallest effect of interest is 0.01 per layer: 0.07 from one layer to eight. A straight line shows how "
        "much a layer adds on average; it does not imply that every layer adds the same.",
        "Every network trains until 2,000 steps after it has mastered both features. The number of steps to mastery "
        "varies with depth and is largest with one layer.",
        "The other part of this claim, that width matters little, is in the study `width`.",
    ),
)
