"""PCA: do a layer's leading components show the easy feature, and does the hard one need more components?

The networks are those of `complexity`. A layer is reduced to its top k principal components and given back to the
network's own read-out, so nothing is fitted to the reduced layer.
"""

from repbias.experiments import Analysis, Study, favours
from repbias.studies.bits.complexity import AND, NONLINEAR, and_control, conditions_with
from repbias.studies.bits.complexity import STUDY as COMPLEXITY

STUDY = Study(
    name="pca",
    title="Principal components",
    question="Do the leading principal components show the easy feature, and does the hard one need more of them?",
    conditions=conditions_with(*NONLINEAR["hard"], *AND["hard"]),
    scales=COMPLEXITY.scales,
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
        favours(
            "C15",
            "The leading principal component shows the easy feature more than the hard one",
            measure="r2_component_1",
            where=NONLINEAR,
            sesoi=0.1,
        ),
        favours(
            "C15",
            "The hard feature needs more components to survive a top-k truncation",
            measure="components_needed",
            pair=("hard", "easy"),
            where=NONLINEAR,
            sesoi=0.5,
        ),
        favours(
            "C15",
            "With one component kept, the easy feature is reported better than the hard one",
            measure="top_1_accuracy",
            where=NONLINEAR,
            sesoi=0.1,
        ),
        and_control("the leading component shows the harder one", "r2_component_1", 0.1, illuminates="C15"),
    ),
    notes=(
        "A feature survives with k components where, for k components and for every larger number, its accuracy "
        "above that of always giving the more frequent answer is at least 95 % of its value without truncation.",
        "AND is a control: in `complexity` it explains more variance than the copied bit although it is the harder "
        "feature. If components follow variance, they must show AND first.",
    ),
)
