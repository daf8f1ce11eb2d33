"""Position: do features that a model reports earlier get more of the representation?

Strings of tokens have features of one kind, all equally hard. A Latin square rotates the order in which they are
reported over networks, so that a feature's identity is not confounded with its position. Claims read only the
encoder's states, which all outputs have in common. The decoder's state before the first output *is* the first feature;
such states are measured and shown, but no claim reads them. Models, sizes and steps are our choice (the paper's are
not known to us).
"""

from repbias.experiments import Claim, Condition, PositionSlope, Study, quick_and_full
from repbias.models import AnyModel, DecoderOnly, EncoderDecoder, EncoderHeads, Recurrent
from repbias.studies.strings import string_condition
from repbias.training import Phase

STEPS, LONG = 600, 2_400
DECODER = ("decoder.mean", "decoder.state.*")  # shown beside the encoder, but read by no claim
NAMES = ("a", "b", "c", "d", "e", "f", "g", "h")


def position_condition(
    name: str,
    model: AnyModel,
    *,
    kind: str = "presence",
    features: int = 4,
    steps: int = STEPS,
    factors: dict[str, str] | None = None,
    position_weights: tuple[float, ...] | None = None,
) -> Condition:
    """Return a condition with features of one kind, reported in rotated orders, and a fixed training time."""
    return string_condition(
        name,
        factors or {"model": name, "kind": kind, "features": str(features)},
        dict.fromkeys(NAMES[:features], kind),
        model=model,
        phase=Phase(until="steps", steps=steps, position_weights=position_weights),
        layers=(*model.layer_names, *(DECODER if isinstance(model, EncoderDecoder) else ()), "readout"),
        steps=steps,
    )


FIRST, CONTROL = "encoder-decoder", "encoder with heads"
CONDITIONS = (
    position_condition(FIRST, EncoderDecoder()),
    position_condition(CONTROL, EncoderHeads()),
    position_condition("encoder-decoder, 8 features", EncoderDecoder(), features=8),
    position_condition("encoder-decoder through a summary token", EncoderDecoder(summary=True)),
    position_condition("decoder-only", DecoderOnly()),
    position_condition("GRU", Recurrent(cell="gru")),
    position_condition("encoder-decoder, dropout 0.1", EncoderDecoder(dropout=0.1)),
    position_condition("encoder-decoder, order features", EncoderDecoder(), kind="precedes", steps=LONG),
    position_condition("encoder-decoder, four times as long", EncoderDecoder(), steps=LONG),
)
FOUR, EIGHT = PositionSlope(of=NAMES[:4]), PositionSlope(of=NAMES)
IN_SEQUENCE = tuple(c.name for c in CONDITIONS if c.name != CONTROL and c.factors["features"] == "4")

STUDY = Study(
    name="position",
    title="Position in the output",
    question="Of equally complex features, does one that is reported earlier get more of the encoder?",
    domain="strings",
    conditions=CONDITIONS,
    scales=quick_and_full((FIRST, CONTROL), seeds=(4, 16)),
    claims=(
        Claim(
            id="C11",
            statement="Features reported earlier explain more of the last encoder layer, mean over tokens",
            contrast=FOUR,
            where={"model": IN_SEQUENCE},
            sesoi=0.005,
        ),
        Claim(
            id="C11",
            statement="Features reported earlier explain more of the last encoder layer, among eight features",
            contrast=EIGHT,
            where={"features": ("8",)},
            primary={"model": (FIRST,)},  # beyond it, as are the other models
            sesoi=0.0025,
        ),
        Claim(
            id="no order, no effect",
            illuminates="C11",
            statement="With separate output heads and no reporting order, position has no effect",
            contrast=FOUR,
            where={"model": (CONTROL,)},
            sesoi=0.005,
            test="equivalence",
        ),
    ),
    notes=(
        "The statistic is the slope over the features of one network, so that networks of all orders have the same "
        "weight. Orders come from a Latin square in which every feature follows every other equally often, and the "
        "number of seeds is a multiple of its rows.",
        "The smallest effect of interest was fixed before the run. Each of four features explains about .05 to .1; a "
        "slope of .005 per position means that from first to last a fifth of the first feature's share is lost. An "
        "independent prototype found a slope of about .02.",
        "The statistic reads the mean over the string's tokens after the encoder's last layer; in the decoder-only "
        "model, the last layer whose states the answers can see; with a summary token, that token; in the GRU, the "
        "last state.",
        "A model with heads has no order of reporting; its features are numbered as if it had one.",
        "Accuracy is that of greedy decoding, in which a model reads its own answers and not the true ones.",
    ),
)
