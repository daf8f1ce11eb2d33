"""Classes: is the bias stronger for larger output spaces?

A stimulus is a row of symbols from an alphabet of m. The easy feature copies one symbol; the hard feature is the sum
of two or three other symbols modulo m. With m = 2 these are a bit and the parity of bits. Every feature has m classes,
one output for each class, and the same loss. We do not know how the paper varies the output space, so all settings are
our choice.
"""

from repbias.experiments import Condition, LevelDifference, Study, Trend, favours, quick_and_full
from repbias.models import MLP
from repbias.tasks import SymbolFeature, SymbolTask
from repbias.training import SGD, Phase, Training

LIMIT = 30_000  # steps
LENGTH = 16  # symbols: with 8 symbols of two kinds there are only 256 stimuli, too few for disjoint splits
CLEAN, NOISY = "clean", "noisy"
REDRAWN = {CLEAN: 0.0, NOISY: 0.1}  # share of training labels that are drawn again at random

# About how many steps a network takes, by number of classes, number of summed symbols, and labels (for the
# estimate of cost).
STEPS = {
    (2, 2, CLEAN): 2_300,
    (3, 2, CLEAN): 2_600,
    (4, 2, CLEAN): 3_100,
    (8, 2, CLEAN): 6_500,
    (16, 2, CLEAN): 13_000,
    (2, 3, CLEAN): 2_700,
    (3, 3, CLEAN): 5_500,
    (4, 3, CLEAN): 9_900,
    (2, 2, NOISY): 2_300,
    (8, 2, NOISY): 7_100,
}


def _condition(classes: int, summed: int, labels: str) -> Condition:
    share = REDRAWN[labels]
    return Condition(
        name=f"{classes} classes, sum of {summed}" + (f", {labels} labels" if share else ""),
        factors={"classes": str(classes), "hard": f"sum of {summed}", "labels": labels},
        task=SymbolTask(
            features={"easy": SymbolFeature(noise=share), "hard": SymbolFeature(inputs=summed, noise=share)},
            symbols=classes,
            length=LENGTH,
        ),
        model=MLP(widths=(64, 64, 64, 64)),
        training=Training(optimizer=SGD(lr=0.05), phases=(Phase(steps=LIMIT),)),
        steps=STEPS[classes, summed, labels],
    )


STUDY = Study(
    name="classes",
    title="Classes",
    question="Is the gap between an easy and a hard feature wider, the more classes they have?",
    conditions=tuple(_condition(*setting) for setting in STEPS),
    scales=quick_and_full(
        (
            *(f"{classes} classes, sum of 2" for classes in (2, 4, 8)),
            *(f"{classes} classes, sum of 2, {NOISY} labels" for classes in (2, 8)),
        )
    ),
    claims=(
        favours(
            "C14",
            "The gap between easy and hard is wider for larger output spaces",
            compare=Trend(factor="classes", scale="log2"),
            where={"labels": (CLEAN,)},
            sesoi=0.02,
        ),
        favours(
            "with noise",
            "The gap is wider for larger output spaces where a tenth of the training labels is redrawn",
            illuminates="C14",
            compare=Trend(factor="classes", scale="log2"),
            where={"labels": (NOISY,)},
            sesoi=0.02,
        ),
        favours(
            "noise",
            "Noise in the training labels of both features widens the gap",
            illuminates="C14",
            compare=LevelDifference(factor="labels", more=NOISY, less=CLEAN),
            where={"classes": ("2", "8"), "hard": ("sum of 2",)},
            sesoi=0.02,
        ),
    ),
    notes=(
        "We know only a tentative remark that the bias is stronger for larger output spaces, not the task in which "
        "it was seen. Symbols, sums and label noise are our choice.",
        "The smallest effect of interest, 0.02 per doubling of the classes, adds up to 0.06 from 2 to 16 classes.",
        "A feature of m classes is regressed as a one-hot code with m - 1 dimensions, for the easy and the hard "
        "feature alike.",
        "More classes change more than the output space. The sum becomes a harder function with more cases and takes "
        "more steps to learn, the input becomes wider, and each symbol becomes rarer. A trend over classes includes "
        "all of these. Every stimulus has 16 symbols; the symbols that no feature reads are noise.",
    ),
)
