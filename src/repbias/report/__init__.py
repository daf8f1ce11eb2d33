"""Figures and pages of results. Nothing here trains or computes a statistic."""
