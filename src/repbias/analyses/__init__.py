"""Analyses: what the studies compute from trained networks, each a function of networks that returns tables.

They put the measures to the networks that the studies train; what a table holds, `repbias.experiments.analysis` says. A
measure that somebody wants for a network or recordings of their own is in `repbias.measures`.
"""
