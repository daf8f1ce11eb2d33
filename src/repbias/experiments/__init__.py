"""The engine of studies: conditions, claims, contrasts, comparisons and verdicts.

The names that a study is written with can be imported from here; everything else from its module.
"""

from repbias.experiments.analysis import Analysis
from repbias.experiments.claim import Claim, favours
from repbias.experiments.comparisons import Interaction, LevelDifference, Trend
from repbias.experiments.condition import Condition
from repbias.experiments.contrast import END, START, Contrast
from repbias.experiments.contrasts import FeatureDifference, LayerSlope, LearnedLevel, Level, PositionSlope
from repbias.experiments.effects import Effects
from repbias.experiments.growth import Growth, Mastery, MasterySlope
from repbias.experiments.ladder import Ladder, Rung
from repbias.experiments.study import Scale, Study, quick_and_full

__all__ = [
    "END",
    "START",
    "Analysis",
    "Claim",
    "Condition",
    "Contrast",
    "Effects",
    "FeatureDifference",
    "Growth",
    "Interaction",
    "Ladder",
    "LayerSlope",
    "LearnedLevel",
    "Level",
    "LevelDifference",
    "Mastery",
    "MasterySlope",
    "PositionSlope",
    "Rung",
    "Scale",
    "Study",
    "Trend",
    "favours",
    "quick_and_full",
]
