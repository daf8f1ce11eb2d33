"""Complexity: is the simpler of two features, learned equally well, given more of the representation?

The easy feature is one bit. The hard one climbs a ladder of functions of other bits. Both are reported by outputs of
their own with the same loss, so their computational roles are matched. Network, learning rate and stop rule are our
choice (the paper's are not known); 256-128-64-64 with leaky ReLU is the predecessor's network.
"""

from repbias.experiments.contrasts import END, FeatureDifference, Growth, LayerSlope
from repbias.experiments.study import Claim, Condition, Scale, Study
from repbias.models import MLP
from repbias.tasks import BooleanTask
from repbias.training import SGD, Training

# Function of the hard feature, and about how many steps a network takes in each network (for the estimate of cost).
LADDER = {
    "AND": ("and", 2_200, 2_300),
    "OR": ("or", 2_200, 2_300),
    "XOR2": ("xor", 2_500, 3_100),
    "parity3": ("parity3", 4_300, 5_900),
    "parity4": ("parity4", 9_400, 12_700),
    "XOR of ANDs": ("xor_of_ands", 2_800, 2_900),
}
NETWORKS = {"256-128-64-64": (256, 128, 64, 64), "6 x 64": (64,) * 6}


def _condition(hard: str, network: str) -> Condition:
    function, *steps = LADDER[hard]
    return Condition(
        name=f"{hard}, {network}",
        factors={"hard": hard, "architecture": network},
        task=BooleanTask(features={"easy": "copy", "hard": function}),
        model=MLP(widths=NETWORKS[network]),
        training=Training(optimizer=SGD(lr=0.05)),
        steps=steps[list(NETWORKS).index(network)],
    )


CONDITIONS = tuple(_condition(hard, network) for hard in LADDER for network in NETWORKS)


def conditions_with(*hard: str) -> tuple[Condition, ...]:
    """Return the conditions with these hard features: what other studies analyse, and need not train again."""
    return tuple(condition for condition in CONDITIONS if condition.factors["hard"] in hard)


STUDY = Study(
    name="complexity",
    title="Complexity",
    question="Of two features learned equally well, is the simpler one given more of the representation?",
    conditions=CONDITIONS,
    scales={
        "quick": Scale(conditions=tuple(f"parity3, {network}" for network in NETWORKS), seeds=4),
        "full": Scale(seeds=20),
    },
    claims=(
        Claim(
            id="C1",
            statement="Of two features learned equally well, the simpler explains more variance, penultimate layer",
            contrast=FeatureDifference(measure="r2", more="easy", less="hard"),
            sesoi=0.05,
        ),
        Claim(
            id="C2",
            statement="The simpler feature is represented more densely: more units carry it",
            contrast=FeatureDifference(measure="density_0.1", more="easy", less="hard"),
            sesoi=0.05,
        ),
        Claim(
            id="C3",
            statement="The easy feature's variance goes on growing after it is mastered",
            contrast=Growth(feature="easy", over=("easy", END)),
            sesoi=0.02,
        ),
        Claim(
            id="C3",
            statement="It grows most while the hard feature is being learned",
            contrast=Growth(feature="easy", over=("easy", "hard"), minus=("hard", END)),
            test="sign",
            sesoi=0.02,
        ),
        Claim(
            id="C22",
            statement="The gap between easy and hard builds up from the first hidden layer to the last",
            contrast=LayerSlope(measure="r2", more="easy", less="hard"),
            sesoi=0.01,
        ),
    ),
    notes=(
        "Labels are balanced exactly, so a single bit of AND, OR and XOR of ANDs goes along with its feature (for AND, "
        "a bit is 1 in all stimuli with the feature and in a third of those without). What a layer keeps of such bits "
        "counts as variance that the feature explains. A single bit says nothing of XOR and parity.",
        "A network stops 2,000 steps after both features passed 99 % accuracy on validation stimuli. The "
        "second part of "
        "C3 compares amounts of growth, and so depends on this length where the first stretch is shorter.",
    ),
)
