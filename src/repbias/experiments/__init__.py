"""The engine of studies: conditions, claims, contrasts, comparisons and verdicts.

The names that a study is written with can be imported from here; everything else from its module.
"""

from repbias.experiments.analysis import Analysis as Analysis
from repbias.experiments.claim import Claim as Claim
from repbias.experiments.claim import favours as favours
from repbias.experiments.comparisons import Interaction as Interaction
from repbias.experiments.comparisons import LevelDifference as LevelDifference
from repbias.experiments.comparisons import Trend as Trend
from repbias.experiments.condition import Condition as Condition
from repbias.experiments.contrast import END as END
from repbias.experiments.contrast import START as START
from repbias.experiments.contrast import Contrast as Contrast
from repbias.experiments.contrasts import FeatureDifference as FeatureDifference
from repbias.experiments.contrasts import LayerSlope as LayerSlope
from repbias.experiments.contrasts import LearnedLevel as LearnedLevel
from repbias.experiments.contrasts import Level as Level
from repbias.experiments.contrasts import PositionSlope as PositionSlope
from repbias.experiments.effects import Effects as Effects
from repbias.experiments.growth import Growth as Growth
from repbias.experiments.growth import Mastery as Mastery
from repbias.experiments.growth import MasterySlope as MasterySlope
from repbias.experiments.ladder import Ladder as Ladder
from repbias.experiments.ladder import Rung as Rung
from repbias.experiments.study import Scale as Scale
from repbias.experiments.study import Study as Study
from repbias.experiments.study import quick_and_full as quick_and_full
