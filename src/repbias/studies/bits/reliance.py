"""Reliance: when two features predict the label equally well, which one does a classifier on a frozen layer use?

The networks are those of `complexity`, frozen. A linear classifier is trained on stimuli in which the two features
agree, so that its training does not show which of them defines the label, and is tested on stimuli in which they
differ.
"""

from repbias.experiments.analysis import Analysis
from repbias.experiments.contrasts import FeatureDifference
from repbias.experiments.study import Claim, Scale, Study
from repbias.studies.bits.complexity import NETWORKS, conditions_with

HARD = ("XOR2", "parity3", "parity4")
SHARE = "share of conflicts won by the feature"
CLASSIFIERS = {
    "logistic": "A logistic regression",
    "ridge": "A ridge classifier",
    "svm": "A linear support vector machine",
    "nearest_mean": "A nearest-mean classifier",
}

STUDY = Study(
    name="reliance",
    title="Reliance",
    question="When two features predict the label equally well, which one does a classifier on the frozen layer use?",
    conditions=conditions_with(*HARD, "AND"),
    scales={
        "quick": Scale(conditions=tuple(f"parity3, {network}" for network in NETWORKS), seeds=4),
        "full": Scale(seeds=20),
    },
    analysis=Analysis(
        function="repbias.analyses.methods:reliance",
        measures=tuple(f"sides_with_{classifier}" for classifier in CLASSIFIERS),
        curves={
            "n_train": ("training stimuli", SHARE),
            "regularization": ("regularisation", SHARE),
            "strength": ("share in which easy is the label (hard: always)", SHARE),
        },
    ),
    claims=(
        *(
            Claim(
                id="C17",
                statement=f"{words} sides with the easy feature where the two conflict",
                contrast=FeatureDifference(measure=f"sides_with_{classifier}", more="easy", less="hard"),
                where={"hard": HARD},
                sesoi=0.2,
            )
            for classifier, words in CLASSIFIERS.items()
        ),
        Claim(
            id="variance, not difficulty",
            illuminates="C17",
            statement="Where the harder feature has more variance, the nearest-mean classifier sides with it",
            contrast=FeatureDifference(measure="sides_with_nearest_mean", more="hard", less="easy"),
            where={"hard": ("AND",)},
            sesoi=0.2,
        ),
    ),
    notes=(
        "A difference of 0.2 means that the classifier gives the easy feature's value in 60 % of the conflicts.",
        "The representation keeps its scale, because the bias is one of scale: a classifier that standardises the "
        "units or whitens the layer may decide otherwise.",
        "AND is a control: it explains more variance than the copied bit although it is the harder feature (see "
        "`complexity`).",
    ),
)
