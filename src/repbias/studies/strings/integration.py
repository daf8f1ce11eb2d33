"""Integration: do encoders with residual paths favour features that integrate over more of the input?

Both features state whether two slots hold the same symbol. They differ in how far apart the slots may lie: next to each
other, or up to twelve tokens apart. The encoder has its residual paths at full strength, at half strength, or not at
all.
"""

from repbias.experiments import LevelDifference, Study, favours, quick_and_full
from repbias.models import EncoderDecoder
from repbias.studies.strings import NOTE, string_condition
from repbias.tasks.strings.features import Equality

RESIDUAL = {"1": 1.0, "0.5": 0.5, "0": 0.0}

STUDY = Study(
    name="integration",
    title="Integration",
    question="Do encoders with residual paths favour features that integrate over more of the string?",
    domain="strings",
    conditions=tuple(
        string_condition(
            f"residual paths x {name}",
            {"residual": name},
            {"narrow": Equality(extent=1), "wide": Equality(extent=12)},
            model=EncoderDecoder(residual=factor),
            steps=2_000,
        )
        for name, factor in RESIDUAL.items()
    ),
    # With residual paths at half strength or none, equality takes thousands of steps, so only at full scale.
    scales=quick_and_full(("residual paths x 1",), seeds=(4, 16)),
    claims=(
        favours(
            "C13",
            "With residual paths, the feature that integrates over more of the string explains more",
            pair=("wide", "narrow"),
            where={"residual": ("1",)},
            sesoi=0.01,
        ),
        favours(
            "C13",
            "It leads by more with residual paths than without",
            pair=("wide", "narrow"),
            compare=LevelDifference(factor="residual", more="1", less="0"),
            sesoi=0.01,
        ),
    ),
    notes=(
        NOTE,
        "One slot alone carries no information about the equality of two, so the two features differ only in how far "
        "apart their slots may lie.",
    ),
)
