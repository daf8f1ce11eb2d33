"""Position or learning order: do earlier features get more because they are learned earlier?

The models and features are those of `position`, trained in other ways. Weights in the loss change how fast each
position is learned; the decoder reads its own answers instead of the true ones, which teacher forcing gives it; or
only one position is in the loss, so that no other feature competes with it.
"""

from repbias.experiments import (
    Claim,
    Condition,
    LearnedLevel,
    LevelDifference,
    MasterySlope,
    PositionSlope,
    Study,
    quick_and_full,
)
from repbias.models import AnyModel, EncoderDecoder, Recurrent
from repbias.studies.strings.position import NAMES, position_condition

TEACHER, HALF, OWN = "teacher forcing", "half its own answers", "its own answers"
LATER, EQUAL, FIRST, LAST = "later weigh more", "equal speed", "first alone", "last alone"
WEIGHTS = {
    LATER: (0.125, 0.25, 0.5, 1.0),
    EQUAL: (0.3, 1.0, 1.2, 1.3),
    FIRST: (1.0, 0.0, 0.0, 0.0),
    LAST: (0.0, 0.0, 0.0, 1.0),
}
TRANSFORMER, SUMMARY, GRU = "encoder-decoder", "summary token", "GRU"


def _condition(name: str, model: AnyModel, regime: str) -> Condition:
    return position_condition(
        f"{name}, {regime}", model, factors={"model": name, "regime": regime}, position_weights=WEIGHTS.get(regime)
    )


FOUR = NAMES[:4]
SLOPE, SPEED = PositionSlope(of=FOUR), MasterySlope(of=FOUR)
TRANSFORMERS = (TRANSFORMER, SUMMARY)

STUDY = Study(
    name="position_learning",
    title="Position or learning order",
    question="Does a feature that is reported earlier get more because it is learned earlier?",
    domain="strings",
    conditions=(
        *(_condition(TRANSFORMER, EncoderDecoder(), regime) for regime in (TEACHER, LATER, FIRST, LAST)),
        _condition(TRANSFORMER, EncoderDecoder(own_answers=0.5), HALF),
        _condition(TRANSFORMER, EncoderDecoder(own_answers=1.0), OWN),
        *(_condition(SUMMARY, EncoderDecoder(summary=True), regime) for regime in (TEACHER, LATER)),
        _condition(SUMMARY, EncoderDecoder(summary=True, own_answers=1.0), OWN),
        *(_condition(GRU, Recurrent(cell="gru"), regime) for regime in (TEACHER, EQUAL)),
        _condition(GRU, Recurrent(cell="gru", own_answers=1.0), OWN),
    ),
    scales=quick_and_full((f"{TRANSFORMER}, {TEACHER}", f"{TRANSFORMER}, {LATER}"), seeds=(4, 16)),
    claims=(
        Claim(
            id="equally fast",
            illuminates="C11",
            statement="Transformers learn all positions equally fast, so that what they favour was not learned earlier",
            contrast=SPEED,
            where={"model": TRANSFORMERS, "regime": (TEACHER,)},
            sesoi=0.1,
            test="equivalence",
        ),
        *(
            Claim(
                id=id,
                illuminates="C11",
                statement=f"Earlier features explain more also {where}",
                contrast=SLOPE,
                where=conditions,
                sesoi=0.005,
            )
            for id, where, conditions in (
                (
                    "later learned first",
                    "where later ones are learned first",
                    {"model": TRANSFORMERS, "regime": (LATER,)},
                ),
                (
                    "equal speed",
                    "in a GRU that learns all positions equally fast",
                    {"model": (GRU,), "regime": (EQUAL,)},
                ),
                ("own answers", "where the decoder reads its own answers in training", {"regime": (HALF, OWN)}),
            )
        ),
        Claim(
            id="speed matters",
            illuminates="C11",
            statement="The lead of earlier features shrinks where later ones are learned faster",
            contrast=SLOPE,
            compare=LevelDifference(factor="regime", more=TEACHER, less=LATER),
            where={"model": TRANSFORMERS},
            sesoi=0.005,
        ),
        Claim(
            id="alone",
            illuminates="C11",
            statement="A feature that is alone in the loss explains as much at the last position as at the first",
            contrast=LearnedLevel(of=FOUR),
            compare=LevelDifference(factor="regime", more=FIRST, less=LAST),
            where={"model": (TRANSFORMER,)},
            sesoi=0.05,
            test="equivalence",
        ),
    ),
    notes=(
        "Steps, sizes and read-outs are those of `position`. A bound of 0.1 on the rise of log2 of the step of "
        "mastery corresponds to mastery 7 % later at each position. When we fixed it, we knew from `position` that "
        "Transformers learn the positions about equally fast and that a GRU does not.",
        "“Later weigh more”: the losses of the four positions have weights 1/8, 1/4, 1/2 and 1. “Equal speed”: they "
        "have weights 0.3, 1, 1.2 and 1.3, which we found on four networks of other seeds; with these weights a GRU "
        "masters all positions within a tenth of one another.",
        "A decoder that reads its own answers is trained with scheduled sampling at a constant rate of one half, or "
        "of one.",
    ),
)
