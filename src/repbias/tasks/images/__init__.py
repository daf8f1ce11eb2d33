"""Tasks of Trifeature images."""
