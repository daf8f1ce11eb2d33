"""Analyses: functions of trained networks that return tables, which the studies name.

They apply the measures of `repbias.measures` to the networks that the studies train; `repbias.experiments.analysis`
describes the tables.
"""
