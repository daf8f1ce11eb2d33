"""PCA: do a layer's leading components show the easy feature, and does the hard one need more components?

The networks are those of `complexity`. A layer is reduced to its top k principal components and given back to the
network's own read-out, so nothing is fitted to the reduced layer.
"""

from repbias.experiments.analysis import Analysis
from repbias.experiments.contrasts import FeatureDifference
from repbias.experiments.study import Claim, Scale, Study
from repbias.studies.bits.complexity import NETWORKS, conditions_with

HARD = ("XOR2", "parity3", "parity4")

STUDY = Study(
    name="pca",
    title="Principal components",
    question="Do the leading principal components show the easy feature, and does the hard one need more of them?",
    conditions=conditions_with(*HARD, "AND"),
    scales={
        "quick": Scale(conditions=tuple(f"parity3, {network}" for network in NETWORKS), seeds=4),
        "full": Scale(seeds=20),
    },
    analysis=Analysis(
        function="repbias.analyses.unsupervised:pca",
        measures=("r2_component_1", "components_needed", "top_1_accuracy", "top_2_accuracy", "top_3_accuracy"),
        settings={"shown": 12},
        curves={
            "accuracy": ("principal components kept", "accuracy of the network's read-out"),
            "r2": ("principal component", "R2 of the component by the feature; share of variance"),
        },
    ),
    claims=(
        Claim(
            id="C15",
            statement="The leading principal component shows the easy feature more than the hard one",
            contrast=FeatureDifference(measure="r2_component_1", more="easy", less="hard"),
            where={"hard": HARD},
            sesoi=0.1,
        ),
        Claim(
            id="C15",
            statement="The hard feature needs more components to survive a top-k truncation",
            contrast=FeatureDifference(measure="components_needed", more="hard", less="easy"),
            where={"hard": HARD},
            sesoi=0.5,
        ),
        Claim(
            id="C15",
            statement="With one component kept, the easy feature is reported better than the hard one",
            contrast=FeatureDifference(measure="top_1_accuracy", more="easy", less="hard"),
            where={"hard": HARD},
            sesoi=0.1,
        ),
        Claim(
            id="variance, not difficulty",
            illuminates="C15",
            statement="Where the harder feature has more variance, the leading component shows the harder one",
            contrast=FeatureDifference(measure="r2_component_1", more="hard", less="easy"),
            where={"hard": ("AND",)},
            sesoi=0.1,
        ),
    ),
    notes=(
        "A feature survives with k components where, for k components and for every larger number, its accuracy "
        "above that of always giving the more frequent answer is at least 95 % of its value without truncation.",
        "AND is a control: in `complexity` it explains more variance than the copied bit although it is the harder "
        "feature. If components follow variance, they must show AND first.",
    ),
)
