"""Core: specs, random streams, statistics, checks of arrays, tables of results, and files that are written whole."""

from importlib.metadata import version

VERSION = version("repbias")
