"""Steering: does a feature's difference vector flip that feature alone, and does the hard one flip more easily?

The networks are those of `complexity`. Activity in the last hidden layer is pushed along the vector from the mean of
one class to the mean of the other. The length of a push can be measured in three ways, and the claim depends on which:
in the layer's units, in standard deviations of the representation, or in lengths of the feature's own difference
vector.
"""

from repbias.experiments import Analysis, Claim, FeatureDifference, Level, Study, favours
from repbias.studies.bits.complexity import STUDY as COMPLEXITY
from repbias.studies.bits.complexity import conditions_with

FLIPS = "share of the feature's reports that flip"

STUDY = Study(
    name="steering",
    title="Steering",
    question="Does steering along a feature's direction flip that feature's output alone, and which flips more easily?",
    conditions=conditions_with("XOR2", "parity3", "parity4"),
    scales=COMPLEXITY.scales,
    analysis=Analysis(
        function="repbias.analyses.methods:steering",
        measures=(
            "flip_length",
            "flip_length_sd",
            "flip_length_difference",
            "flip_length_probe",
            "own_flips",
            "other_flips",
            "erased_own",
            "erased_others",
        ),
        settings={"shown": {"absolute": 30.0, "sd": 2.5, "difference": 2.0}},
        curves={
            "absolute": ("push, in the layer's units", FLIPS),
            "sd": ("push, in standard deviations of the layer", FLIPS),
            "difference": ("push, in lengths of the feature's difference vector", FLIPS),
            "others": (
                "push, in lengths of the feature's difference vector",
                "share of the other feature's reports that flip",
            ),
        },
    ),
    claims=(
        *(
            Claim(
                id="C16",
                statement=f"A step of one difference vector flips the {feature} feature's output",
                contrast=Level(measure="own_flips", of=(feature,), criterion=(feature,)),
                sesoi=0.9,
            )
            for feature in ("easy", "hard")
        ),
        Claim(
            id="C16",
            statement="A step along one feature's direction leaves the other feature's output",
            contrast=Level(measure="other_flips", of=("easy", "hard")),
            sesoi=0.05,
            test="equivalence",
        ),
        Claim(
            id="C16",
            statement="The hard feature flips at a smaller step, in units of the layer",
            contrast=FeatureDifference(measure="flip_length", more="easy", less="hard"),
            test="sign",
            sesoi=1.0,  # pushes are some 5 to 15 units long
        ),
        favours(
            "in own difference vectors",
            "Measured in units of its difference vector, both features flip at the same step size",
            measure="flip_length_difference",
            illuminates="C16",
            sesoi=0.1,
            test="equivalence",
        ),
        Claim(
            id="erasure",
            illuminates="C16",
            statement="Linear erasure of the hard feature leaves the report of the easy one",
            contrast=Level(measure="erased_others", of=("hard",), criterion=("hard",)),
            sesoi=0.95,
        ),
    ),
    notes=(
        "The push that flips half of the stimuli is found by linear interpolation between pushes that are a "
        "twentieth of the difference vector apart. In standard deviations of the representation, the ratio of the "
        "two features' pushes is the same as in the layer's own units; the figure shows both.",
        "A feature with little variance has a short difference vector. Where the read-out's threshold lies midway "
        "between the classes, the feature flips at half that vector, whatever its length. A smaller push in absolute "
        "length may therefore show only that the feature has little variance.",
        "Vectors are estimated on validation stimuli, and flips are counted on 1,024 test stimuli. Every stimulus is "
        "pushed towards the other class.",
    ),
)
