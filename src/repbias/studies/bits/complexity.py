"""Complexity: of two features learned equally well, does the simpler one get more of the representation?

The easy feature is one bit. The hard feature is a function of other bits, from AND to the parity of four. Each feature
has its own output with the same loss, so their computational roles are matched. Network, learning rate and stopping
rule are our choice (the paper's are not known to us); 256-128-64-64 with leaky ReLU is the network of Hermann &
Lampinen (2020).
"""

from repbias.experiments import END, Claim, Condition, Growth, LayerSlope, Study, favours, quick_and_full
from repbias.models import MLP
from repbias.studies.bits import bits_condition

# The hard feature's function, and about how many steps each of the two networks takes (for the estimate of cost).
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
    return bits_condition(
        f"{hard}, {network}",
        {"hard": hard, "architecture": network},
        {"easy": "copy", "hard": function},
        model=MLP(widths=NETWORKS[network]),
        steps=steps[list(NETWORKS).index(network)],
    )


CONDITIONS = tuple(_condition(hard, network) for hard in LADDER for network in NETWORKS)


# For studies that analyse the same networks: the hard features in which no single bit carries information, and a
# control, which explains more variance than the copied bit although it is the harder feature.
NONLINEAR, AND = {"hard": ("XOR2", "parity3", "parity4")}, {"hard": ("AND",)}
AND_NOTE = (
    "AND is a control: it explains more variance than the copied bit although it is the harder feature (see "
    "`complexity`)."
)


def conditions_with(*hard: str) -> tuple[Condition, ...]:
    """Return the conditions with these hard features, so that other studies can analyse the same networks."""
    return tuple(condition for condition in CONDITIONS if condition.factors["hard"] in hard)


def and_control(statement: str, measure: str, sesoi: float, illuminates: str) -> Claim:
    """Return the claim that a method follows variance and not difficulty: it shows AND more than the copied bit."""
    return favours(
        "variance, not difficulty",
        f"Where the harder feature has more variance, {statement}",
        measure=measure,
        pair=("hard", "easy"),
        illuminates=illuminates,
        where=AND,
        sesoi=sesoi,
    )


GROWS_ON = Claim(
    id="C3",
    statement="The easy feature's variance keeps growing after the feature is mastered",
    contrast=Growth(feature="easy", over=("easy", END)),
    sesoi=0.02,
)

STUDY = Study(
    name="complexity",
    title="Complexity",
    question="Of two features learned equally well, does the simpler one get more of the representation?",
    conditions=CONDITIONS,
    scales=quick_and_full(f"parity3, {network}" for network in NETWORKS),
    claims=(
        favours(
            "C1",
            "Of two features learned equally well, the simpler explains more variance, penultimate layer",
            sesoi=0.05,
        ),
        favours(
            "C2",
            "The simpler feature is represented more densely: more units carry it",
            measure="density_0.1",
            sesoi=0.05,
        ),
        GROWS_ON,
        Claim(
            id="C3",
            statement="The easy feature's variance grows most while the hard feature is being learned",
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
        "Labels are balanced exactly, so a single input bit of AND, OR and XOR of ANDs is correlated with the "
        "feature. (For AND, a bit is 1 in all stimuli with the feature and in a third of those without it.) Whatever "
        "a layer retains of such bits counts as variance explained by the feature. A single bit of XOR or parity "
        "carries no information about the feature.",
        "A network stops 2,000 steps after it has mastered both features (99 % validation accuracy). The second part "
        "of C3 compares amounts of growth, and therefore depends on this length where the first stretch is shorter.",
    ),
)
