"""Scenes whose every class is given, for tests of what is drawn."""

import numpy as np

from repbias.tasks.images.factors import FACTORS
from repbias.tasks.images.scenes import Choice, draw_scenes

ONE = {"shape": "square", "texture": "solid", "colour": "white", "rotation": "0..22.5", "position": "row1column1"}


def scenes(n, seed=0, reported=(), **given):
    """Draw `n` scenes; a factor's classes are a name, or a list of names, one an image; all others are `ONE`'s."""
    chosen, several = {}, "relation" in given or "number" in reported
    if "relation" in given:
        given["number"] = "2"
    for factor, kind in FACTORS.items():
        names = given.get(factor, ONE.get(factor, kind.constant))
        if factor not in given and (factor == "relation" or (factor == "position" and several)):
            continue
        names = [names] * n if isinstance(names, str) else names
        levels = kind.levels()
        index = np.array([list(levels).index(name) for name in names])
        chosen[factor] = Choice(levels, index, factor in reported)
    return draw_scenes(np.random.default_rng(seed), chosen)
