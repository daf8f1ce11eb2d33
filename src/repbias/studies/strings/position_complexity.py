"""Position against complexity: does reporting the hard feature first outweigh its complexity?

An encoder-decoder reports the presence of a marker (easy) and either the order of two markers or a count (hard), with
the easy or the hard feature first.
"""

from repbias.experiments import LevelDifference, Study, favours, quick_and_full
from repbias.studies.strings import NOTE, string_condition

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
    scales=quick_and_full((f"order of two markers, {order}" for order in ORDERS), seeds=(4, 16)),
    claims=(
        favours(
            "position",
            "The gap between easy and hard is wider where the easy feature is reported first",
            illuminates="C11",
            compare=LevelDifference(factor="order", more="easy first", less="hard first"),
            sesoi=0.01,
        ),
        favours(
            "complexity outweighs",
            "Also where the hard feature is reported first, the easy one explains more",
            illuminates="C1",
            where={"order": ("hard first",)},
            test="sign",
            sesoi=0.02,
        ),
    ),
    notes=(NOTE,),
)
