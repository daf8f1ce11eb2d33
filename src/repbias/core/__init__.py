"""Core: specs, random streams, function lookup, statistics, checks of arrays, and files that are written whole."""
