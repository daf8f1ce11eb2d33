"""RSA on strings: does a Transformer that reports both features look like one that reports only the easy one, too?

The counterpart of `rsa`: the presence of a marker beside the order of two markers, through a summary token. Some
networks report both, some one of the two, and some are not trained at all.
"""

from repbias.experiments.study import Scale, Study
from repbias.models import EncoderDecoder
from repbias.studies.bits.rsa import STUDY as RSA
from repbias.studies.strings.common import NOTE, string_condition
from repbias.studies.strings.string_methods import HARD

PAIR = {"easy": "presence", "hard": HARD["order of two markers"]}

STUDY = Study(
    name="string_rsa",
    title="Similarity of networks on strings",
    question="Does the similarity of two Transformers tell what they have in common?",
    domain="strings",
    conditions=tuple(  # "both" is a condition of `string_methods`, and need not be trained again
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
    scales={"quick": Scale(seeds=4), "full": Scale(seeds=16)},
    analysis=RSA.analysis,
    claims=RSA.claims,
    notes=(
        NOTE,
        "Read is the summary token's state after the last layer of the encoder. The comparison, its stimuli and its "
        "statistics are those of `rsa`; the smallest effects worth the name are, too.",
        "A network that reports one feature has no loss on the other; the string still holds its markers.",
    ),
)
