"""Number: how do several easy and several hard features divide the representation?

Networks learn one, two, four or eight copied bits beside one, two, four or eight parities of two bits. All features of
a kind are exchangeable, so the first easy feature represents any easy feature and can be compared over all their
numbers. The question is our own.
"""

from repbias.experiments import Claim, Condition, Level, Study, Trend, quick_and_full
from repbias.studies.bits import bits_condition

LIMIT = 25_000  # steps
NUMBERS = (1, 2, 4, 8)
KINDS = ("easy", "hard")
FEWEST_AND_MOST = dict.fromkeys(("easy features", "hard features"), ("1", "8"))


def _names(kind: str, number: int) -> tuple[str, ...]:
    return tuple(f"{kind}{i}" for i in range(1, number + 1))


def _condition(easy: int, hard: int) -> Condition:
    return bits_condition(
        f"{easy} easy, {hard} hard",
        {"easy features": str(easy), "hard features": str(hard)},
        dict.fromkeys(_names("easy", easy), "copy") | dict.fromkeys(_names("hard", hard), "xor"),
        limit=LIMIT,
        steps=2_000 + 370 * (easy + hard),  # from 2,700 with one feature of each kind to 7,900 with eight
    )


def _share_claim(kind: str, others: str) -> Claim:
    """Return the claim that the share of one feature falls with the number of features of the same or other kind."""
    beside = "features of the same kind" if kind == others else f"{others} features"
    return Claim(
        id=f"share of one {kind} feature",
        illuminates="C6",
        statement=f"One {kind} feature explains less, the more {beside} there are",
        contrast=Level(of=(f"{kind}1",)),
        compare=Trend(factor=f"{others} features", scale="log2", falling=True),
        sesoi=0.02,
    )


def _gap_claim(easy: int, hard: int, how: str, sesoi: float) -> Claim:
    statements = {
        "sum": "All easy features together explain more than all hard ones together",
        "mean": "One easy feature explains more than one hard one, on average over all of a kind",
    }
    return Claim(
        id={"sum": "all easy and all hard", "mean": "one easy and one hard"}[how],
        illuminates="C6",
        statement=statements[how],
        contrast=Level(of=_names("easy", easy), less=_names("hard", hard), how="sum" if how == "sum" else "mean"),
        where={"easy features": (str(easy),), "hard features": (str(hard),)},
        primary=FEWEST_AND_MOST,
        sesoi=sesoi,
    )


STUDY = Study(
    name="number",
    title="Number of features",
    question="How do several easy and several hard features divide the representation?",
    conditions=tuple(_condition(easy, hard) for easy in NUMBERS for hard in NUMBERS),
    scales=quick_and_full(f"{easy} easy, {hard} hard" for easy in (1, 8) for hard in (1, 8)),
    claims=(
        *(_share_claim(kind, others) for kind in KINDS for others in KINDS),
        *(_gap_claim(easy, hard, "sum", 0.05) for easy in NUMBERS for hard in NUMBERS),
        *(_gap_claim(number, number, "mean", 0.01) for number in NUMBERS),
    ),
    notes=(
        "The paper says that a feature learned alone is represented more strongly than one learned with more "
        "features (claim C6, study `isolation`). How the shares divide is our own question, and no claim here is the "
        "paper's.",
        "A share is a feature's R2 in the last hidden layer. Features are independent, so shares add up, to at most "
        "1. The smallest effect of interest is 0.02 per doubling for a trend, which adds up to 0.06 from one feature "
        "to eight; 0.05 for a difference of sums; and 0.01 for a difference of means of up to sixteen shares.",
        "A network counts where it passes the accuracy criterion on every feature that a claim reads: one feature "
        "for the trends, all of them for the sums and means. More features take more steps to learn.",
        "The hard feature is the parity of two bits rather than three, so that eight of them fit beside eight bits.",
    ),
)
