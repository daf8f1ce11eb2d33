"""Shape of Transformers: do depth, width, heads, dropout, decoder and optimiser change the effects on an encoder?

The study changes one thing at a time in a base encoder-decoder, on two tasks: four equal features reported in rotated
orders (the effect of position), and an easy and a hard feature (the effect of complexity). It is the counterpart of
`architecture`, `depth` and `width`.
"""

from repbias.experiments import Claim, PositionSlope, Study, favours, quick_and_full
from repbias.models import AnyModel, DecoderOnly, EncoderDecoder
from repbias.studies.strings import NOTE, string_condition
from repbias.training import SGD, AdamW
from repbias.training.optimizers import AnyOptimizer, Muon

BASE = "base"
MODELS: dict[str, AnyModel] = {
    BASE: EncoderDecoder(),
    "1 layer": EncoderDecoder(layers=1),
    "4 layers": EncoderDecoder(layers=4),
    "width 32": EncoderDecoder(width=32),
    "width 128": EncoderDecoder(width=128),
    "1 head": EncoderDecoder(heads=1),
    "dropout 0.1": EncoderDecoder(dropout=0.1),
    "sinusoidal": EncoderDecoder(positions="sinusoidal"),
    "decoder-only": DecoderOnly(),
}
POSITION, COMPLEXITY = "four equal features", "easy and hard"
OPTIMIZERS: dict[str, AnyOptimizer] = {
    "AdamW, weight decay 0.1": AdamW(lr=1e-3, weight_decay=0.1),
    "Muon": Muon(lr=0.01),
    "momentum": SGD(lr=0.02, momentum=0.9),
}
TASKS = {
    POSITION: dict.fromkeys(("a", "b", "c", "d"), "presence"),
    COMPLEXITY: {"easy": "presence", "hard": "precedes"},
}

STUDY = Study(
    name="transformer_shape",
    title="Shape of Transformers",
    question="Do a Transformer's shape and optimiser change the effects of position and complexity?",
    domain="strings",
    conditions=tuple(
        string_condition(
            f"{name}, {task}",
            {"model": name, "task": task},
            features,
            model=MODELS.get(name, MODELS[BASE]),
            optimizer=OPTIMIZERS.get(name),
        )
        for task, features in TASKS.items()
        for name in (*MODELS, *OPTIMIZERS)
    ),
    scales=quick_and_full((f"1 layer, {POSITION}", f"1 layer, {COMPLEXITY}"), seeds=(4, 16)),
    claims=(
        Claim(
            id="position",
            illuminates="C11",
            statement="Features reported earlier explain more of the last encoder layer, whatever shape or optimiser",
            contrast=PositionSlope(of=("a", "b", "c", "d")),
            where={"task": (POSITION,)},
            sesoi=0.005,
        ),
        favours(
            "complexity",
            "The simpler feature explains more of the last encoder layer, whatever shape or optimiser",
            illuminates="C1",
            where={"task": (COMPLEXITY,)},
            sesoi=0.02,
        ),
    ),
    notes=(
        NOTE,
        "The base has two layers of width 64, four heads, learned positions and no dropout. Networks stop soon after "
        "mastery, so shapes are compared at matched accuracy and not at matched steps.",
        "Other optimisers train the base.",
    ),
)
