"""Prevalence of strings: does the more prevalent of two equal features get more of the encoder?

This is the counterpart of `prevalence`, with two markers. One of them is present in fewer training strings, or
labelled in fewer of them. Validation and test strings are not manipulated.
"""

from repbias.experiments import Condition, Study, quick_and_full
from repbias.studies.bits.prevalence import falls_behind
from repbias.studies.strings import NOTE, string_condition
from repbias.tasks.strings.features import Presence

LEVELS = {"P(f=1)": ("0.5", "0.2", "0.05"), "labelled": ("1", "0.2", "0.05")}
QUICK = tuple(f"{reading} {level}" for reading, levels in LEVELS.items() for level in (levels[0], levels[-1]))


def _condition(reading: str, level: str) -> Condition:
    prevalence, labelled = (float(level), 1.0) if reading == "P(f=1)" else (0.5, float(level))
    return string_condition(
        f"{reading} {level}",
        {"reading": reading, "prevalence": level},
        {"common": "presence", "rare": Presence(prevalence=prevalence, labelled=labelled)},
        steps=900,
    )


STUDY = Study(
    name="string_prevalence",
    title="Prevalence of strings",
    question="Of two equal features of a string, does the more prevalent one get more of the encoder?",
    domain="strings",
    conditions=tuple(_condition(reading, level) for reading, levels in LEVELS.items() for level in levels),
    scales=quick_and_full(QUICK, seeds=(4, 16)),
    claims=(
        falls_behind("The rarer one of two equal features of a string, the further it falls behind the other", 0.005),
    ),
    notes=(NOTE,),
)
