"""Tasks of token strings."""
