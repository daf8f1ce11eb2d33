"""Regression: does a predictor that captures only the easy part of a system score high?

The networks are those of `rsa`. Networks that report both features stand for the brain. The models that try to predict
them report both features, one of them, or are untrained; the prediction is a cross-validated ridge regression over
common stimuli.
"""

from repbias.experiments import Analysis, Claim, Level, Study, favours, quick_and_full
from repbias.studies.bits.rsa import CONDITIONS, KINDS

STUDY = Study(
    name="regression",
    title="Regression between systems",
    question="Does a predictor that captures only the easy feature explain most of a system that computes both?",
    conditions=CONDITIONS,
    scales=quick_and_full(seeds=(6, 20)),
    analysis=Analysis(
        function="repbias.analyses.similarity:regression",
        of="study",
        measures=("regression_r2", "relative_r2", "easy_share", "hard_share"),
        features=KINDS,
        settings={"predicted": "both"},
    ),
    claims=(
        Claim(
            id="C19",
            statement="A network that computes only the easy feature reaches most of the R2 that another network which "
            "computes both reaches",
            contrast=Level(measure="relative_r2", of=("easy network",), criterion=()),
            where={"reports": ("both",)},
            sesoi=0.5,
        ),
        favours(
            "C19",
            "It scores higher than a network that computes only the hard feature",
            measure="regression_r2",
            pair=("easy network", "hard network"),
            where={"reports": ("both",)},
            sesoi=0.05,
        ),
        Claim(
            id="the easy part",
            illuminates="C19",
            statement="Of what one network that computes both explains of another, more than half is the easy feature",
            contrast=Level(measure="easy_share", of=("both network",), criterion=()),
            where={"reports": ("both",)},
            sesoi=0.5,
        ),
        favours(
            "beyond chance",
            "A network that computes only the easy feature predicts more than an untrained one",
            measure="regression_r2",
            pair=("easy network", "untrained network"),
            illuminates="C19",
            where={"reports": ("both",)},
            sesoi=0.05,
        ),
    ),
    notes=(
        "Each network that reports both features is predicted from the next seed's network of every kind, so that "
        "each seed gives one number and the two networks never share initial weights. The ridge penalty is chosen by "
        "cross-validation on the stimuli of the fit; R2 is pooled over all units, on other stimuli.",
        "An untrained network shows what random features of the input explain.",
    ),
)
