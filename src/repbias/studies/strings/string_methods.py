"""Methods on strings: do components, steering and classifiers show in a Transformer what they show in an MLP?

The encoder-decoder passes everything through a summary token. The decoder sees only this token's last state, so the
state can be truncated and pushed. The easy feature is the presence of a marker; the hard feature is the order of two
markers, or a count. One analysis, `repbias.analyses.methods`, does here and on images what `pca`, `steering` and
`reliance` do on bits.
"""

from repbias.experiments import Analysis, Claim, FeatureDifference, Level, Study, favours, quick_and_full
from repbias.models import EncoderDecoder
from repbias.studies.bits.pca import STUDY as PCA
from repbias.studies.bits.reliance import STUDY as RELIANCE
from repbias.studies.bits.steering import STUDY as STEERING
from repbias.studies.strings import NOTE, string_condition

HARD = {"order of two markers": "precedes", "count": "count"}
_PARTS = [study.analysis for study in (PCA, STEERING, RELIANCE) if study.analysis is not None]
METHODS = Analysis(
    function="repbias.analyses.methods:analyse",
    measures=tuple(name for part in _PARTS for name in part.measures),
    settings={"lengths": 21, "stimuli": 256, "training_sizes": [32, 64, 128]},
    curves={name: labels for part in _PARTS for name, labels in part.curves.items()},
)


def claims_on_methods(layer: str, easy: str, hard: str) -> tuple[Claim, ...]:
    """Return the parts of C15 to C17; the arguments are what statements call the layer and the two features."""
    return (
        favours(
            "C15",
            f"The leading principal component of {layer} shows {easy} more than {hard}",
            measure="r2_component_1",
            sesoi=0.1,
        ),
        Claim(
            id="C16",
            statement="A step of one difference vector flips each feature's output",
            contrast=Level(measure="own_flips", of=("easy", "hard")),
            sesoi=0.9,
        ),
        Claim(
            id="C16",
            statement=f"{hard.capitalize()} flips at a smaller step than {easy}, in units of the layer",
            contrast=FeatureDifference(measure="flip_length", more="easy", less="hard"),
            test="sign",
            sesoi=0.5,  # in the layer's own units, which differ between layers: only the sign is claimed
        ),
        favours(
            "C17",
            f"A logistic regression on {layer} sides with {easy} where the two conflict",
            measure="sides_with_logistic",
            sesoi=0.2,
        ),
    )


STUDY = Study(
    name="string_methods",
    title="Methods on strings",
    question="Do the usual methods favour the easy feature in a Transformer?",
    domain="strings",
    conditions=tuple(
        string_condition(
            name,
            {"hard": name},
            {"easy": "presence", "hard": kind},
            model=EncoderDecoder(summary=True),
            steps=900,
        )
        for name, kind in HARD.items()
    ),
    scales=quick_and_full(("order of two markers",), seeds=(4, 16)),
    analysis=METHODS,
    claims=claims_on_methods("the summary", "the easy feature", "the hard feature"),
    notes=(
        NOTE,
        "The methods read, truncate and push the state of the summary token after the last layer of the encoder.",
    ),
)
