"""`python -m repbias`: the command line."""

from repbias.cli import main

main()
