"""Runs: plan a study, train what is missing in worker processes, keep it in a store, read it back."""
