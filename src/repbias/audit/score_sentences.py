"""What scores against a layer would say of models that hold one feature alone, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

ALIKE = 1.5  # scores whose ratio is below this are said to be near
MOSTLY = 5.0  # and above this, that the larger is all that is seen


def score_sentences(results: pd.DataFrame, made_equal: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return for each layer in which shares were made equal what RSA and CKA say before and after.

    Parameters
    ----------
    results : as in `AuditReport`.
    made_equal : the features whose shares were made equal, by layer; none where they were not.
    """
    cells = results.set_index(["layer", "measure", "feature"])["value"].sort_index()
    return tuple(
        sentence
        for layer, names in made_equal.items()
        if names
        for sentence in _of_layer(layer, {measure: cells.loc[layer, measure][list(names)] for measure in _MEASURES})
    )


_MEASURES = ("rsa", "cka", "rsa_equalised", "cka_equalised")


def _of_layer(layer: str, scores: Mapping[str, pd.Series[float]]) -> Iterator[str]:
    before, after = scores["rsa"].sort_values(ascending=False), scores["rsa_equalised"]
    if before.isna().any() or after.isna().any():
        return
    now = "; ".join(f"{name} {before[name]:z.2f}, {scores['cka'][name]:z.2f}" for name in before.index)
    then = "; ".join(f"{name} {after[name]:z.2f}, {scores['cka_equalised'][name]:z.2f}" for name in before.index)
    yield (
        f"{layer}: a model that has one feature alone would score, in RSA and in CKA with this layer: {now}. "
        f"After the shares of these features are made equal: {then}."
    )
    yield f"{layer}: {_allowed(before, after)}"


def _allowed(before: pd.Series[float], after: pd.Series[float]) -> str:
    """Return what scores may be used for: `before` is sorted, the largest first."""
    loud, quiet = before.index[0], before.index[-1]
    if before.iloc[0] < ALIKE * before.iloc[-1]:
        return (
            f"RSA counts {loud} and {quiet} about alike, so that a higher score of one model than of another does not "
            "come from its having the louder feature alone."
        )
    text = f"as recorded, RSA counts {loud} {before.iloc[0] / before.iloc[-1]:.1f} times as much as {quiet}"
    if before.iloc[0] > MOSTLY * before.iloc[-1]:
        text = f"as recorded, a high score shows that a model has {loud}, and says next to nothing of {quiet}"
    text += f": of two models, the one with {loud} may win whatever else it lacks."
    if after.max() < ALIKE * after.min():
        return f"{text} With equal shares the scores are near one another: each feature counts about alike."
    return (
        f"{text} With equal shares scores still differ, from {after.min():z.2f} to {after.max():z.2f}, as noise along "
        "a feature's directions is stretched with it, and a feature of more classes is spread over more directions: "
        "compare models feature by feature."
    )
