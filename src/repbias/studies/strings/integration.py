"""Integration: do encoders with residual paths lean towards features that integrate over more of the input?

Two features of one kind, the equality of two slots, that differ in how far apart the slots may lie: next to each other
or up to twelve tokens. The encoder has its residual paths, half of them, or none.
"""

from repbias.experiments.comparisons import LevelDifference
from repbias.experiments.contrasts import FeatureDifference
from repbias.experiments.study import Claim, Scale, Study
from repbias.models import EncoderDecoder
from repbias.studies.strings.common import NOTE, string_condition
from repbias.tasks.strings.features import Equality

RESIDUAL = {"1": 1.0, "0.5": 0.5, "0": 0.0}
LEAN = FeatureDifference(measure="r2", more="wide", less="narrow")

STUDY = Study(
    name="integration",
    title="Integration",
    question="Do encoders with residual paths lean towards features that integrate over more of the string?",
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
    # With half the residual paths, or none, equality takes thousands of steps: in full only.
    scales={"quick": Scale(conditions=("residual paths x 1",), seeds=4), "full": Scale(seeds=16)},
    claims=(
        Claim(
            id="C13",
            statement="With residual paths, the feature that integrates over more of the string explains more",
            contrast=LEAN,
            where={"residual": ("1",)},
            sesoi=0.01,
        ),
        Claim(
            id="C13",
            statement="It leads by more with residual paths than without",
            contrast=LEAN,
            compare=LevelDifference(factor="residual", more="1", less="0"),
            sesoi=0.01,
        ),
    ),
    notes=(
        NOTE,
        "Of equality of two slots neither slot alone says anything, so that how far apart they may lie is all that "
        "differs between the two features.",
    ),
)
