"""The command line, called in the process of a test."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from repbias.cli import main as cli


class Said(NamedTuple):
    status: int
    out: str
    err: str


Call = Callable[..., Said]


def caller(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *first: str) -> Call:
    """Return a function that runs `repbias` with some words after the `first` ones, and returns what it said."""

    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["repbias", *first, *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        captured = capsys.readouterr()
        return Said(int(caught.value.code or 0), captured.out, captured.err)

    return run
