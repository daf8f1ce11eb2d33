"""Encryption: can representation and computation be entirely unrelated?

A hand-built network of exact ReLU units sums symbols under a one-time pad (modulo 2: XOR), and a program adds numbers
under Paillier's scheme. Both give the right output, while their activity has nothing in common, stimulus by stimulus,
with the values that they compute. For comparison, the same stimuli are given to the hand-built network without
encryption and to the trained networks of `classes`.
"""

from repbias.experiments import Analysis, Claim, Level, Study, quick_and_full
from repbias.studies.bits.classes import STUDY as CLASSES

NAMES = ("2 classes, sum of 2", "8 classes, sum of 2", "2 classes, sum of 3")
SYSTEMS = {"pad": "a network on values under a one-time pad", "paillier": "a program on Paillier ciphers"}
MEASURES = ("exact", "rsa", "linear", "neighbours")


def _level(system: str, measure: str) -> Level:
    return Level(measure=f"{system}_{measure}", of=("hard",), criterion=())


def _parts(system: str, words: str) -> tuple[Claim, ...]:
    """Return the claims on one way to encrypt."""
    return (
        Claim(
            id="C21",
            statement=f"The outputs of {words} are right",
            contrast=_level(system, "exact"),
            sesoi=0.999,
        ),
        Claim(
            id="C21",
            statement=f"The RDM of {words} has nothing in common with that of the plain values",
            contrast=_level(system, "rsa"),
            sesoi=0.05,
            test="equivalence",
        ),
        *(
            Claim(
                id="C21",
                statement=f"From the activity of {words}, {probe} decodes the sum no better than chance",
                contrast=_level(system, measure),
                sesoi=0.05,
                test="equivalence",
            )
            for measure, probe in (("linear", "a linear probe"), ("neighbours", "nearest neighbours"))
        ),
    )


STUDY = Study(
    name="encryption",
    title="Computing on encrypted values",
    question="Can a system compute something exactly while its activity has nothing in common with it?",
    conditions=tuple(condition for condition in CLASSES.conditions if condition.name in NAMES),
    scales=quick_and_full(NAMES[:1]),
    analysis=Analysis(
        function="repbias.analyses.encryption:analyse",
        measures=tuple(f"{s}_{measure}" for s in ("trained", "plain", *SYSTEMS) for measure in MEASURES),
    ),
    claims=(
        *(claim for system, words in SYSTEMS.items() for claim in _parts(system, words)),
        Claim(
            id="plain values",
            illuminates="C21",
            statement="The same network on plain values has an RDM like that of the values",
            contrast=_level("plain", "rsa"),
            sesoi=0.5,
        ),
        Claim(
            id="trained network",
            illuminates="C21",
            statement="From a trained network's last hidden layer, a linear probe decodes the sum",
            contrast=Level(measure="trained_linear", of=("hard",)),
            sesoi=0.3,
        ),
    ),
    notes=(
        "Each stimulus has its own keys, newly drawn. A sum of ciphers is therefore uniform whatever the symbols "
        "are, and the claim follows from Shannon's theorem; the run shows that the measures agree with it. This "
        "holds for activity read without the keys: anyone who reads keys and ciphers together can recover "
        "everything.",
        "The stage that decrypts does not count as activity: its input consists of the ciphers and the key, and its "
        "output is the plain sum.",
        "Paillier's primes are 113 and 127, to fit 64-bit arithmetic. They serve as a demonstration and could be "
        "broken by hand.",
    ),
)
