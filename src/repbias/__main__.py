"""`python -m repbias`: the command line."""

from repbias.cli.main import main

main()
