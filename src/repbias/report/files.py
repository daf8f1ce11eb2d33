"""Files that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

from repbias.core import atomic


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all, replacing what was there; folders are made as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_file(path, content)
    return path
