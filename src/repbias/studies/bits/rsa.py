"""RSA: does the similarity of two networks' representations show the similarity of what they compute?

Four kinds of networks have the same architecture and inputs: some report the easy feature, some the hard one, some
both, and some are untrained. Each pair of networks is compared by the correlation of their RDMs and by CKA.
"""

from repbias.experiments import Analysis, Claim, Level, LevelDifference, Study, favours, quick_and_full
from repbias.models import MLP
from repbias.studies.bits import bits_condition
from repbias.studies.bits.complexity import NETWORKS

# What networks report, and about how many steps they take (for the estimate of cost).
STEPS = {"both": 4_300, "easy": 2_200, "hard": 4_300}
KINDS = tuple(f"{kind} network" for kind in (*STEPS, "untrained"))

# "both" is also a condition of `complexity`, so its networks are trained once.
CONDITIONS = tuple(
    bits_condition(
        kind,
        {"reports": kind},
        only=None if kind == "both" else kind,
        model=MLP(widths=NETWORKS["256-128-64-64"]),
        steps=steps,
    )
    for kind, steps in STEPS.items()
)


def _parts(measure: str, name: str) -> tuple[Claim, ...]:
    """Return the claims on one measure of similarity."""
    return (
        favours(
            "C18",
            f"By {name}, a network that reports both looks more like one that reports only the easy feature "
            "than like one that reports only the hard one",
            measure=measure,
            pair=("easy network", "hard network"),
            where={"reports": ("both",)},
            sesoi=0.1,
        ),
        favours(
            "C18",
            f"By {name}, two networks that report both look less alike than either does to one that reports "
            "only the easy feature",
            measure=measure,
            pair=("easy network", "both network"),
            where={"reports": ("both",)},
            sesoi=0.05,
        ),
        Claim(
            id="C20",
            statement=f"By {name}, networks that report the hard feature are less alike from seed to seed than those "
            "that report the easy one",
            contrast=Level(measure=measure, of=("own kind",), criterion=()),
            compare=LevelDifference(factor="reports", more="easy", less="hard"),
            sesoi=0.1,
        ),
    )


STUDY = Study(
    name="rsa",
    title="Similarity of networks",
    question="Does the similarity of two representations show what two networks have in common?",
    conditions=CONDITIONS,
    scales=quick_and_full(seeds=(6, 20)),
    analysis=Analysis(
        function="repbias.analyses.similarity:analyse",
        of="study",
        measures=("rsa", "cka"),
        features=(*KINDS, "own kind"),
        settings={"untrained_of": "both", "stimuli": 256, "resamples": 200},
        pairs={"rsa": "RSA: correlation of two RDMs", "cka": "CKA, linear, debiased"},
    ),
    claims=(*_parts("rsa", "RSA"), *_parts("cka", "CKA")),
    notes=(
        "All networks respond to the same 256 stimuli, on which none of them was trained. RDMs hold correlation "
        "distances and are compared by Pearson's correlation over pairs of stimuli; CKA is linear and debiased.",
        "Networks of one seed start from the same weights and see the same training stimuli, so pairs of one seed "
        "are left out. Because each network belongs to many pairs, a mean over pairs is tested by its jackknife "
        "pseudo-values over seeds. The intervals in the matrix come from a bootstrap over seeds and, for RSA, over "
        "stimuli, which is conservative.",
        "A network that reports one feature also sees the bits of the other, which are noise to it.",
    ),
)
