"""Figures: functions from tidy tables to drawings that carry their numbers, one idea per file."""
