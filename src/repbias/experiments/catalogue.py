"""The claims of the literature, each once: what it says, where it is known from, and what would count against it.

Studies refer to a claim by its id and say only what their own part tests. To add a claim, add an entry here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["abstract", "second-hand", "predecessor", "follow-up", "ours"]
SOURCES: dict[Source, str] = {
    "abstract": "the abstract of Lampinen, Chan & Hermann (2024)",
    "second-hand": "accounts of that paper's results, by readers and by its authors",
    "predecessor": "Hermann & Lampinen (2020)",
    "follow-up": "Lampinen, Chan, Li & Hermann (2025)",
    "ours": "a question of this project",
}


@dataclass(frozen=True)
class CatalogueClaim:
    """A claim of the literature.

    Attributes
    ----------
    against : the results that would count against it, as a clause that follows "against it:".
    """

    id: str
    statement: str
    sources: tuple[Source, ...]
    against: str

    @property
    def is_ours(self) -> bool:
        """Whether no publication states it."""
        return self.sources == ("ours",)


_CLAIMS = (
    CatalogueClaim(
        "C1",
        "Of two features learned equally well, the simpler explains more variance in the penultimate layer",
        ("abstract", "second-hand"),
        "the harder feature explains as much variance, or more, at matched accuracy",
    ),
    CatalogueClaim(
        "C2",
        "The simpler feature is represented more densely: more units carry it",
        ("abstract", "second-hand"),
        "as many units, or more, carry the harder feature",
    ),
    CatalogueClaim(
        "C3",
        "The easy feature’s variance goes on growing after it is mastered, most while the hard one is being learned",
        ("second-hand",),
        "its variance stays within the smallest effect of interest after mastery, or grows more after the hard "
        "feature is mastered than before",
    ),
    CatalogueClaim(
        "C4",
        "Training the hard feature first narrows the gap and does not close it",
        ("second-hand",),
        "the gap is as wide as without the curriculum, or the hard feature then explains as much as the easy one",
    ),
    CatalogueClaim(
        "C5",
        "Of features of equal complexity, the one learned first is represented more strongly",
        ("abstract", "second-hand"),
        "the two explain equally much, or the one learned second explains more",
    ),
    CatalogueClaim(
        "C6",
        "A feature learned alone is represented more strongly than one learned with more features",
        ("second-hand",),
        "its share is the same with and without companions",
    ),
    CatalogueClaim(
        "C7",
        "The hard feature’s own inputs are represented more strongly than the hard feature",
        ("second-hand",),
        "the hard feature explains as much as its inputs, or more",
    ),
    CatalogueClaim(
        "C8",
        "The more prevalent feature is represented more strongly",
        ("abstract", "second-hand"),
        "the rarer feature explains as much at every prevalence at which it is learned, in both readings of prevalence",
    ),
    CatalogueClaim(
        "C9",
        "The gap grows with an MLP’s depth; width matters little",
        ("second-hand",),
        "the gap is the same at every depth, or changes with width by more than the bound",
    ),
    CatalogueClaim(
        "C10",
        "The optimiser and dropout change the bias; Adam with moderate dropout can reverse it slightly",
        ("abstract", "second-hand"),
        "the gap is the same under all optimisers and dropout rates, or Adam with dropout reverses it nowhere",
    ),
    CatalogueClaim(
        "C11",
        "In Transformers, features decoded earlier in the output sequence are represented more strongly",
        ("abstract", "second-hand"),
        "in what all outputs share, the encoder’s states, the share does not depend on the place in the output",
    ),
    CatalogueClaim(
        "C12",
        "A plain CNN favours colour at its spatial pooling layer; a ResNet favours shape",
        ("second-hand",),
        "both favour the same feature at matched accuracy, or the sign follows something else than the skips",
    ),
    CatalogueClaim(
        "C13",
        "Transformer encoders with residual paths lean towards features that integrate over more of the input",
        ("second-hand",),
        "the feature over fewer tokens explains as much, or residual paths make no difference",
    ),
    CatalogueClaim(
        "C14",
        "The bias is stronger for larger output spaces (a tentative remark)",
        ("second-hand",),
        "the gap stays the same, or shrinks, as the number of classes grows",
    ),
    CatalogueClaim(
        "C15",
        "The leading principal components show the easy feature; the hard one needs more components to survive a "
        "top-k truncation",
        ("abstract", "second-hand"),
        "the first component shows the hard feature as much, or both survive with the same number of components",
    ),
    CatalogueClaim(
        "C16",
        "Adding a feature’s difference vector flips that feature’s output and leaves the other’s; the hard feature "
        "flips with a smaller push",
        ("abstract", "second-hand"),
        "outputs do not flip, those of the other feature do, or the easy feature flips with the shorter push",
    ),
    CatalogueClaim(
        "C17",
        "A linear classifier on frozen representations, with a label both features predict, sides with the easy one "
        "where they conflict",
        ("abstract", "second-hand"),
        "it sides with either feature equally often, or with the hard one",
    ),
    CatalogueClaim(
        "C18",
        "RSA: a network that computes both features looks like one that computes only the easy one; two networks with "
        "the same complex task can look less alike than either does to the simpler network",
        ("abstract", "follow-up", "predecessor"),
        "a network that computes both looks as much like one that computes only the hard feature, or networks with "
        "the same task look most alike",
    ),
    CatalogueClaim(
        "C19",
        "Regression between systems: a predictor that captures only the easy part scores high",
        ("follow-up",),
        "it reaches less than half of what a predictor that captures both parts reaches",
    ),
    CatalogueClaim(
        "C20",
        "Hard features are represented less consistently from run to run",
        ("follow-up", "predecessor"),
        "networks that report the hard feature are as alike over seeds as those that report the easy one",
    ),
    CatalogueClaim(
        "C21",
        "Representation and computation can part entirely: computing on encrypted values",
        ("follow-up",),
        "the activity of a system that computes on encrypted values shows the plain values",
    ),
    CatalogueClaim(
        "C22",
        "Layer by layer, the bias builds up from input to output",
        ("ours",),
        "the gap between the features is the same in all layers, or shrinks towards the output",
    ),
)
CATALOGUE = {claim.id: claim for claim in _CLAIMS}
