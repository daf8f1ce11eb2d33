"""Position against complexity: does reporting the hard feature first outweigh its complexity?

An encoder-decoder reports the presence of a marker (easy) and either the order of two markers or a count (hard), with
the easy or the hard feature first.
"""

from repbias.experiments.comparisons import LevelDifference
from repbias.experiments.contrasts import FeatureDifference
from repbias.experiments.study import Claim, Scale, Study
from repbias.studies.strings.common import NOTE, string_condition

GAP = FeatureDifference(measure="r2", more="easy", less="hard")
ORDERS = {"easy first": ("easy", "hard"), "hard first": ("hard", "easy")}
PAIRS = {"order of two markers": "precedes", "count": "count"}

STUDY = Study(
    name="position_complexity",
    title="Position against complexity",
    question="Does reporting the hard feature first outweigh its complexity?",
    domain="strings",
    conditions=tuple(
        string_condition(
            f"{hard}, {order}",
            {"hard": hard, "order": order},
            {"easy": "presence", "hard": kind},
            order=names,
            steps=900,
        )
        for hard, kind in PAIRS.items()
        for order, names in ORDERS.items()
    ),
    scales={
        "quick": Scale(conditions=tuple(f"order of two markers, {order}" for order in ORDERS), seeds=4),
        "full": Scale(seeds=16),
    },
    claims=(
        Claim(
            id="position",
            illuminates="C11",
            statement="The gap between easy and hard is wider where the easy feature is reported first",
            contrast=GAP,
            compare=LevelDifference(factor="order", more="easy first", less="hard first"),
            sesoi=0.01,
        ),
        Claim(
            id="complexity outweighs",
            illuminates="C1",
            statement="Also where the hard feature is reported first, the easy one explains more",
            contrast=GAP,
            where={"order": ("hard first",)},
            test="sign",
            sesoi=0.02,
        ),
    ),
    notes=(NOTE,),
)
