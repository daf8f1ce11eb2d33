"""Components: are the inputs of a hard feature represented more strongly than the feature itself?

A network that reports the parity of bits may retain the bits, parities and conjunctions of some of them, or bits that
no feature reads. Every layer is measured for all of these as probes, beside the two features. "bit 1", "parity 1-2"
and "and 1-2" are functions of the hard feature's bits, by their number in it; "noise 1" and so on are bits that no
feature reads.
"""

from collections.abc import Iterator
from itertools import combinations

from repbias.experiments import Claim, Level, Study, quick_and_full
from repbias.studies.bits import bits_condition
from repbias.tasks import Probe

# The hard feature's function, its number of bits, and about how many steps a network takes (for the estimate of cost).
HARD = {
    "parity3": ("parity3", 3, 5_500),
    "parity4": ("parity4", 4, 11_800),
    "XOR of ANDs": ("xor_of_ands", 4, 2_800),
}


def _probes(hard: str) -> dict[str, Probe]:
    """Return the hard feature's bits, their parities (except the feature itself), ANDs of pairs, and noise bits."""
    function, n, _ = HARD[hard]
    numbers = range(1, n + 1)  # also their positions in the input, since bit 0 is the easy feature
    probes = {f"bit {i}": Probe(function="copy", positions=(i,)) for i in numbers}
    sizes = range(2, n if function.startswith("parity") else n + 1)
    for some in (some for size in sizes for some in combinations(numbers, size)):
        probes[f"parity {_joined(some)}"] = Probe(function="parity", positions=some)
    for pair in combinations(numbers, 2):
        probes[f"and {_joined(pair)}"] = Probe(function="and", positions=pair)
    return probes | {f"noise {i}": Probe(function="copy", positions=(n + i,)) for i in numbers}


def _joined(numbers: tuple[int, ...]) -> str:
    return "-".join(map(str, numbers))


READINGS = (
    # id, statement, how the bits are taken together, what they are compared with, smallest effect of interest
    ("C7", "An input of the hard feature is represented more strongly than the feature, on average",
     "mean", "hard", 0.02),
    ("C7", "The hard feature's inputs taken together are represented more strongly than the feature",
     "sum", "hard", 0.05),
    ("control", "An input of the hard feature is represented more strongly than a bit that no feature reads",
     "mean", "noise", 0.02),
)  # fmt: skip


def _claims() -> Iterator[Claim]:
    """Each reading for each number of bits: with their number, the names of what it reads differ."""
    for id, statement, how, less, sesoi in READINGS:
        for n in sorted({n for _, n, _ in HARD.values()}):
            concerned = tuple(hard for hard, (_, inputs, _) in HARD.items() if inputs == n)
            bits, noise = (tuple(f"{kind} {i}" for i in range(1, n + 1)) for kind in ("bit", "noise"))
            yield Claim(
                id=id,
                illuminates="C7" if id == "control" else None,
                statement=f"{statement} ({', '.join(concerned)})",
                contrast=Level(of=bits, less=("hard",) if less == "hard" else noise, how=how),
                where={"hard": concerned},
                sesoi=sesoi,
            )


STUDY = Study(
    name="components",
    title="Components",
    question="Are the inputs of a hard feature represented more strongly than the feature itself?",
    conditions=tuple(
        bits_condition(hard, {"hard": hard}, {"easy": "copy", "hard": function}, probes=_probes(hard), steps=steps)
        for hard, (function, _, steps) in HARD.items()
    ),
    scales=quick_and_full(("parity3", "XOR of ANDs")),
    claims=tuple(_claims()),
    notes=(
        "The paper says that the inputs of the hard feature are represented more strongly than the feature. Whether "
        "it means each input or all of them together is not known to us, so the study tests both readings. "
        "Functions, network and learning rate are our choice.",
        "`joint_r2` of the row “(all)” is the share of a layer's variance that everything measured here explains "
        "together: the easy feature, every function of the hard feature's bits (all of them are sums of parities of "
        "some of these bits), and as many noise bits as the hard feature has bits. The remainder comes from the "
        "other noise bits and from whatever depends on bits of both features at once. No claim uses it.",
        "Probes have no accuracy. The control compares probes with probes, and therefore also counts networks that "
        "failed the accuracy criterion; C7 counts the networks that passed it for the hard feature.",
        "An AND is a sum of bits and a parity, so ANDs add nothing to `joint_r2`; and `unique`, the loss of R2 "
        "without one probe, is zero for all of these by arithmetic. R2s add up only over the easy feature, the hard "
        "feature, its bits and parities and the noise bits of a parity task, which are all independent.",
        "Labels of XOR of ANDs are balanced exactly, so its bits and some of their parities are correlated with the "
        "feature and with one another. (Each bit is 1 in two thirds of the stimuli with the feature and in two "
        "fifths of those without it.) The R2 of a bit includes what the layer retains of the feature, and the sum of "
        "R2s counts part of it more than once.",
    ),
)
