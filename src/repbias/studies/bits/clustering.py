"""Clustering: which feature do the clusters of a layer follow?

The networks are those of `complexity`. Test stimuli are clustered by k-means on the last hidden layer and shown in two
dimensions by t-SNE, which is what many people look at first in recordings or activations.
"""

from repbias.experiments import Analysis, Study, favours
from repbias.studies.bits.complexity import AND, AND_NOTE, NONLINEAR, and_control, conditions_with
from repbias.studies.bits.complexity import STUDY as COMPLEXITY

STUDY = Study(
    name="clustering",
    title="Clusters",
    question="Which feature do clusters of a layer's responses reflect?",
    conditions=conditions_with(*NONLINEAR["hard"], *AND["hard"]),
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
            where=NONLINEAR,
            sesoi=0.2,
        ),
        favours(
            "neighbours",
            "A stimulus's neighbours share its easy feature more often than its hard one",
            measure="neighbour_purity",
            illuminates="C1",
            where=NONLINEAR,
            sesoi=0.1,
        ),
        and_control("two clusters follow the harder one", "ari_2", 0.2, illuminates="C1"),
    ),
    notes=(
        "An adjusted Rand index of 1 means that clusters and classes are the same grouping; 0 is the level of chance.",
        AND_NOTE,
    ),
)
