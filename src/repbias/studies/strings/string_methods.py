"""Methods on strings: do components, steering and classifiers show in a Transformer what they show in an MLP?

The encoder-decoder passes everything through a summary token. The decoder sees only this token's last state, so the
state can be truncated and pushed. The easy feature is the presence of a marker; the hard feature is the order of two
markers, or a count.
"""

from repbias.experiments.study import Scale, Study
from repbias.models import EncoderDecoder
from repbias.studies.method_claims import METHODS, claims_on_methods
from repbias.studies.strings.common import NOTE, string_condition

HARD = {"order of two markers": "precedes", "count": "count"}

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
    scales={"quick": Scale(conditions=("order of two markers",), seeds=4), "full": Scale(seeds=16)},
    analysis=METHODS,
    claims=claims_on_methods("the summary", "the easy feature", "the hard feature"),
    notes=(
        NOTE,
        "The methods read, truncate and push the state of the summary token after the last layer of the encoder.",
    ),
)
