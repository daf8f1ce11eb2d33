"""RSA on strings: does a Transformer that reports both features look like one that reports only the easy one?

This is the counterpart of `rsa`. The features are the presence of a marker and the order of two markers, and
everything passes through a summary token. Some networks report both features, some only one, and some are untrained.
"""

from repbias.experiments import Study, quick_and_full
from repbias.models import EncoderDecoder
from repbias.studies.bits.rsa import STUDY as RSA
from repbias.studies.strings import NOTE, string_condition
from repbias.studies.strings.string_methods import HARD

PAIR = {"easy": "presence", "hard": HARD["order of two markers"]}

STUDY = Study(
    name="string_rsa",
    title="Similarity of networks on strings",
    question="Does the similarity of two Transformers show what they have in common?",
    domain="strings",
    conditions=tuple(  # "both" is also a condition of `string_methods`, so its networks are trained once
        string_condition(
            reported,
            {"reports": reported},
            PAIR,
            only=None if reported == "both" else reported,
            model=EncoderDecoder(summary=True),
            steps=900,
        )
        for reported in ("both", "easy", "hard")
    ),
    scales=quick_and_full(seeds=(4, 16)),
    analysis=RSA.analysis,
    claims=RSA.claims,
    notes=(
        NOTE,
        "The comparison reads the state of the summary token after the last layer of the encoder. Its stimuli, "
        "statistics and smallest effects of interest are those of `rsa`.",
        "A network that reports one feature has no loss on the other, whose markers are still in the string.",
    ),
)
