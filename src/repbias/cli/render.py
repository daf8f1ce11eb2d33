"""`repbias render`: write Trifeature images as PNG files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class Render:
    """Write images as PNG files, with labels.csv and contact_sheet.png; run it again to complete an interrupted run."""

    images: Annotated[tyro.conf.Positional[Literal["trifeature"]], tyro.conf.arg(metavar="{trifeature}")]
    """What to render: Trifeature images (Hermann & Lampinen 2020)."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR", help="The folder to write to; it must be new or empty.")]
    size: int = 224
    """Width and height in pixels."""
    renderings: int = 10
    """Images per combination of classes."""
    seed: int = 0
    """Seed of the rotations, positions and textures."""
    factors: tuple[str, ...] = ("shape", "texture", "colour")
    """Factors to cross: any of shape, texture, colour, rotation, position, size, background, number, relation."""

    def run(self) -> None:
        """Render the images and print how many there are.

        Raises
        ------
        ValueError : settings that do not fit, or a folder that holds something else.
        """

        from repbias.core.specs import explaining
        from repbias.tasks.images.rendering import Rendering, render

        with explaining("repbias render"):
            rendering = Rendering(factors=self.factors, size=self.size, renderings=self.renderings, seed=self.seed)
        print(f"{render(rendering, self.out):,} images: {self.out}")
