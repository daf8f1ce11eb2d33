"""The engine of studies: conditions, claims, contrasts, comparisons and verdicts."""
