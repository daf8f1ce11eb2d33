"""Several methods at once on one layer: components, steering and reliance."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from repbias.analyses import pca, reliance, steering
from repbias.training import Network


def analyse(
    network: Network,
    *,
    layer: str = "penultimate",
    lengths: int = 41,
    stimuli: int = 1024,
    training_sizes: Sequence[int] = (32, 128, 512, 1024),
) -> dict[str, pd.DataFrame]:
    """Return what `pca`, `steering` and `reliance` find at a layer, with the defaults of their other settings.

    The layer must lie on the network's path to its outputs, for it is truncated and pushed.

    Parameters
    ----------
    lengths, stimuli : see `steering.analyse`. training_sizes : see `reliance.analyse`.
    """
    found = [
        pca.analyse(network, layer=layer),
        steering.analyse(network, layer=layer, lengths=lengths, stimuli=stimuli),
        reliance.analyse(network, layer=layer, training_sizes=training_sizes),
    ]
    return {name: pd.concat([one[name] for one in found], ignore_index=True) for name in ("measures", "curves")}
