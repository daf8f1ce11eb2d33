"""docs/architecture.md shows the packages that there are, in the order that import-linter enforces."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
(LAYERS,) = (contract["layers"] for contract in CONTRACTS if contract["type"] == "layers")


def test_the_layers_are_the_packages() -> None:
    packages = {path.parent.name for path in (ROOT / "src" / "repbias").glob("*/__init__.py")}
    assert set(LAYERS) == packages


def test_the_picture_and_the_table_show_them_in_this_order() -> None:
    picture = [name for name in re.findall(r"^    +(\w+)  +\S", PAGE, flags=re.MULTILINE) if name in LAYERS]
    table = re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)
    assert picture == LAYERS
    assert table == LAYERS[::-1]
