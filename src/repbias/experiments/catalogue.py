"""The claims that the scorecard lists, in order: the paper's and its neighbours', with how well each is known.

Strength: A, the paper's abstract says it; B, a careful reader's notes or the authors' summaries; P, the predecessor;
F, the follow-up; C, this project's own question.
"""

from __future__ import annotations

from typing import NamedTuple


class PaperClaim(NamedTuple):
    """A claim by its number, in a sentence."""

    id: str
    statement: str
    strength: str


PAPER_CLAIMS = tuple(
    PaperClaim(*claim)
    for claim in (
        (
            "C1",
            "Of two features learned equally well, the simpler explains more variance in the penultimate layer",
            "A, B",
        ),
        ("C2", "The simpler feature is represented more densely: more units carry it", "A, B"),
        (
            "C3",
            "The easy feature’s variance goes on growing after it is mastered, most while the hard one is being "
            "learned",
            "B",
        ),
        ("C4", "Training the hard feature first narrows the gap and does not close it", "B"),
        ("C5", "Of features of equal complexity, the one learned first is represented more strongly", "A, B"),
        ("C6", "A feature learned alone is represented more strongly than one learned with more features", "B"),
        ("C7", "The hard feature’s own inputs are represented more strongly than the hard feature", "B"),
        ("C8", "The more prevalent feature is represented more strongly", "A, B"),
        ("C9", "The gap grows with an MLP’s depth; width matters little", "B"),
        (
            "C10",
            "The optimiser and dropout change the bias; Adam with moderate dropout can reverse it slightly",
            "A, B",
        ),
        (
            "C11",
            "In Transformers, features decoded earlier in the output sequence are represented more strongly",
            "A, B",
        ),
        ("C12", "A plain CNN favours colour at its spatial pooling layer; a ResNet favours shape", "B"),
        (
            "C13",
            "Transformer encoders with residual paths lean towards features that integrate over more of the input",
            "B",
        ),
        ("C14", "The bias is stronger for larger output spaces", "B, tentative"),
        (
            "C15",
            "The leading principal components show the easy feature; the hard one needs more components to survive a "
            "top-k truncation",
            "A, B",
        ),
        (
            "C16",
            "Adding a feature’s difference vector flips that feature’s output and leaves the other’s; the hard feature "
            "flips with a smaller push",
            "A, B",
        ),
        (
            "C17",
            "A linear classifier on frozen representations, with a label both features predict, sides with the easy "
            "one where they conflict",
            "A, B",
        ),
        (
            "C18",
            "RSA: a network that computes both features looks like one that computes only the easy one; two networks "
            "with the same complex task can look less alike than either does to the simpler network",
            "A, F, P",
        ),
        ("C19", "Regression between systems: a predictor that captures only the easy part scores high", "F"),
        ("C20", "Hard features are represented less consistently from run to run", "F, P"),
        ("C21", "Representation and computation can part entirely: computing on encrypted values", "F"),
        ("C22", "Layer by layer, how the bias builds up from input to output", "C"),
    )
)
