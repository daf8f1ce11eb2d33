"""The ten colours of Trifeature images, and backgrounds on which every one of them can be seen.

Colours, and the grey background, are those of Hermann & Lampinen (2020). The other backgrounds are our choice: each
lies at least .4 from every colour, in RGB with channels from 0 to 1; grey and ocean, the nearest published pair, lie
.41 apart.
"""

from __future__ import annotations

RGB = tuple[float, float, float]

COLOURS: dict[str, RGB] = {
    "red": (1, 0, 0),
    "green": (0, 1, 0),
    "blue": (0, 0, 1),
    "yellow": (1, 1, 0),
    "pink": (1, 0.4, 1),
    "cyan": (0, 1, 1),
    "purple": (0.3, 0, 0.5),
    "ocean": (0.1, 0.4, 0.5),
    "orange": (1, 0.6, 0),
    "white": (1, 1, 1),
}

BACKGROUNDS: dict[str, RGB] = {
    "grey": (0.5, 0.5, 0.5),
    "black": (0, 0, 0),
    "silver": (0.75, 0.75, 0.75),
    "brown": (0.4, 0.2, 0),
    "maroon": (0.5, 0, 0),
    "forest": (0, 0.35, 0),
    "olive": (0.5, 0.5, 0),
    "tan": (0.85, 0.7, 0.5),
    "sage": (0.5, 0.75, 0.5),
    "rose": (0.75, 0.35, 0.45),
}
