"""The audit of activity that is gone through once and never held whole."""
