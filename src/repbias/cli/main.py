"""The command line: collect the commands, parse the arguments, run one command, and turn errors into exit codes.

A command is a dataclass of options with a method `run`. Modules of commands import heavy libraries only inside
functions, so that help is fast. To add a command, write its class and add it to `Command`.
"""

from __future__ import annotations

import sys

import tyro

from repbias.cli.audit import Audit
from repbias.cli.claims import Claims
from repbias.cli.list import List
from repbias.cli.power import Power
from repbias.cli.publish import Publish
from repbias.cli.render import Render
from repbias.cli.report import Report
from repbias.cli.run import Run
from repbias.cli.table import Table
from repbias.core import VERSION
from repbias.core.functions import look_here

_ABOUT = "What does a representation over- and under-represent, and why? `repbias --version` prints the version."

Command = List | Run | Report | Claims | Table | Publish | Render | Audit | Power


def main() -> None:
    """Run the command line and exit.

    Exit status: 0 success; 1 `run --strict` found a claim that does not replicate; 2 wrong input; 130 interrupted.
    """
    if sys.argv[1:] == ["--version"]:
        print(f"repbias {VERSION}")
        sys.exit(0)
    command: Command = tyro.cli(Command, prog="repbias", description=_ABOUT, config=(tyro.conf.FlagCreatePairsOff,))
    look_here()
    try:
        sys.exit(command.run() or 0)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; finished work is kept, and the same command continues with the rest", file=sys.stderr)
        sys.exit(130)
