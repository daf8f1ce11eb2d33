"""Reliance: when two features predict the label equally well, which one does a classifier on a frozen layer use?

The networks are those of `complexity`, frozen. A linear classifier is trained on stimuli in which the two features
agree, so that its training does not show which of them defines the label, and is tested on stimuli in which they
differ.
"""

from repbias.experiments import Analysis, Study, favours
from repbias.studies.bits.complexity import AND, AND_NOTE, NONLINEAR, and_control, conditions_with
from repbias.studies.bits.complexity import STUDY as COMPLEXITY

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
    conditions=conditions_with(*NONLINEAR["hard"], *AND["hard"]),
    scales=COMPLEXITY.scales,
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
            favours(
                "C17",
                f"{words} sides with the easy feature where the two conflict",
                measure=f"sides_with_{classifier}",
                where=NONLINEAR,
                sesoi=0.2,
            )
            for classifier, words in CLASSIFIERS.items()
        ),
        and_control("the nearest-mean classifier sides with it", "sides_with_nearest_mean", 0.2, illuminates="C17"),
    ),
    notes=(
        "A difference of 0.2 means that the classifier gives the easy feature's value in 60 % of the conflicts.",
        "The representation keeps its scale, because the bias is one of scale: a classifier that standardises the "
        "units or whitens the layer may decide otherwise.",
        AND_NOTE,
    ),
)
