"""Methods on strings: do components, steering and classifiers show in a Transformer what they show in an MLP?

The encoder-decoder hands everything through a summary token: its last state is all that the decoder sees, so that it
can be truncated and pushed. The presence of a marker stands beside the order of two markers, or a count.
"""

from repbias.models import EncoderDecoder
from repbias.studies.analysis import Analysis
from repbias.studies.contrasts import FeatureDifference, Level
from repbias.studies.pca import STUDY as PCA
from repbias.studies.reliance import STUDY as RELIANCE
from repbias.studies.steering import STUDY as STEERING
from repbias.studies.strings import NOTE, string_condition
from repbias.studies.study import Claim, Scale, Study

HARD = {"order of two markers": "precedes", "count": "count"}
PARTS = [study.analysis for study in (PCA, STEERING, RELIANCE) if study.analysis is not None]

STUDY = Study(
    name="string_methods",
    title="Methods on strings",
    question="Do the usual methods favour the easy feature in a Transformer, too?",
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
    analysis=Analysis(
        function="repbias.analyses.methods:analyse",
        measures=tuple(name for part in PARTS for name in part.measures),
        settings={"lengths": 21, "stimuli": 256, "training_sizes": [32, 64, 128]},
        curves={name: labels for part in PARTS for name, labels in part.curves.items()},
    ),
    claims=(
        Claim(
            id="C15",
            statement="The leading principal component of the summary shows the easy feature more than the hard one",
            strength="A, B",
            contrast=FeatureDifference(measure="r2_component_1", more="easy", less="hard"),
            minimum=0.1,
        ),
        Claim(
            id="C16",
            statement="A push of one difference vector flips each feature's output",
            strength="A, B",
            contrast=Level(measure="own_flips", of=("easy", "hard")),
            minimum=0.9,
        ),
        Claim(
            id="C16",
            statement="The hard feature flips with a smaller push, in the layer's own units",
            strength="A, B",
            contrast=FeatureDifference(measure="flip_length", more="easy", less="hard"),
            minimum=0.0,
        ),
        Claim(
            id="C17",
            statement="A logistic regression on the summary sides with the easy feature where the two conflict",
            strength="A, B",
            contrast=FeatureDifference(measure="sides_with_logistic", more="easy", less="hard"),
            minimum=0.2,
        ),
    ),
    notes=(NOTE, "Read, truncated and pushed is the summary token's state after the last layer of the encoder."),
)
