"""Clustering: which feature do the clusters of a layer follow?

The networks are those of `complexity`. Test stimuli are clustered by k-means on the last hidden layer and shown in two
dimensions by t-SNE, which is what many people look at first in recordings or activations.
"""

from repbias.experiments import Analysis, Study, favours
from repbias.studies.bits.complexity import STUDY as COMPLEXITY
from repbias.studies.bits.complexity import conditions_with

HARD = ("XOR2", "parity3", "parity4")

STUDY = Study(
    name="clustering",
    title="Clusters",
    question="Which feature do the clusters of a layer's responses follow?",
    conditions=conditions_with(*HARD, "AND"),
    scales=COMPLEXITY.scales,
    analysis=Analysis(
        function="repbias.analyses.unsupervised:clusters",
        measures=("ari_2", "ari_3", "ari_4", "ari_6", "ari_8", "neighbour_purity"),
        curves={"ari": ("clusters (k-means)", "adjusted Rand index with the feature's classes")},
    ),
    claims=(
        favours(
            "clusters",
            "Two clusters follow the easy feature more than the hard one",
            measure="ari_2",
            illuminates="C1",
            where={"hard": HARD},
            sesoi=0.2,
        ),
        favours(
            "neighbours",
            "A stimulus's neighbours share its easy feature more often than its hard one",
            measure="neighbour_purity",
            illuminates="C1",
            where={"hard": HARD},
            sesoi=0.1,
        ),
        favours(
            "variance, not difficulty",
            "Where the harder feature has more variance, two clusters follow the harder one",
            measure="ari_2",
            pair=("hard", "easy"),
            illuminates="C1",
            where={"hard": ("AND",)},
            sesoi=0.2,
        ),
    ),
    notes=(
        "An adjusted Rand index of 1 means that clusters and classes are the same grouping; 0 is the level of chance.",
        "AND is a control: it explains more variance than the copied bit although it is the harder feature (see "
        "`complexity`).",
    ),
)
