"""Components, steering and reliance together, on one layer."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from repbias.analyses import reliance, steering
from repbias.analyses.unsupervised import pca
from repbias.training import Network


def analyse(
    network: Network,
    *,
    layer: str = "penultimate",
    lengths: int = 41,
    stimuli: int = 1024,
    training_sizes: Sequence[int] = (32, 128, 512, 1024),
) -> dict[str, pd.DataFrame]:
    """Return the results of `pca`, `steering` and `reliance` for a layer, with the defaults of their other settings.

    The layer must lie on the path to the outputs, because its responses are edited.

    Parameters
    ----------
    lengths, stimuli : see `steering.analyse`. training_sizes : see `reliance.analyse`.
    """
    found = [
        pca(network, layer=layer),
        steering.analyse(network, layer=layer, lengths=lengths, stimuli=stimuli),
        reliance.analyse(network, layer=layer, training_sizes=training_sizes),
    ]
    return {name: pd.concat([one[name] for one in found], ignore_index=True) for name in ("measures", "curves")}
