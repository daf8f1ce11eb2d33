"""Claims on methods at one layer, for an easy and a hard feature: principal components, steering and a classifier.

One analysis, `repbias.analyses.methods`, does in other domains what `pca`, `steering` and `reliance` do on bits.
"""

from __future__ import annotations

from repbias.experiments.analysis import Analysis
from repbias.experiments.contrasts import FeatureDifference, Level
from repbias.experiments.study import Claim
from repbias.studies.bits.pca import STUDY as PCA
from repbias.studies.bits.reliance import STUDY as RELIANCE
from repbias.studies.bits.steering import STUDY as STEERING

_PARTS = [study.analysis for study in (PCA, STEERING, RELIANCE) if study.analysis is not None]
METHODS = Analysis(
    function="repbias.analyses.methods:analyse",
    measures=tuple(name for part in _PARTS for name in part.measures),
    settings={"lengths": 21, "stimuli": 256, "training_sizes": [32, 64, 128]},
    curves={name: labels for part in _PARTS for name, labels in part.curves.items()},
)


def claims_on_methods(layer: str, easy: str, hard: str) -> tuple[Claim, ...]:
    """Return the parts of C15 to C17; the arguments are what statements call the layer and the two features."""
    return (
        Claim(
            id="C15",
            statement=f"The leading principal component of {layer} shows {easy} more than {hard}",
            contrast=FeatureDifference(measure="r2_component_1", more="easy", less="hard"),
            sesoi=0.1,
        ),
        Claim(
            id="C16",
            statement="A push of one difference vector flips each feature's output",
            contrast=Level(measure="own_flips", of=("easy", "hard")),
            sesoi=0.9,
        ),
        Claim(
            id="C16",
            statement=f"{hard.capitalize()} flips with a smaller push than {easy}, in the layer's own units",
            contrast=FeatureDifference(measure="flip_length", more="easy", less="hard"),
            test="sign",
            sesoi=0.5,  # in the layer's own units, which differ between layers: only the sign is claimed
        ),
        Claim(
            id="C17",
            statement=f"A logistic regression on {layer} sides with {easy} where the two conflict",
            contrast=FeatureDifference(measure="sides_with_logistic", more="easy", less="hard"),
            sesoi=0.2,
        ),
    )
