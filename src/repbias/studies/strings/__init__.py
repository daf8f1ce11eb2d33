"""Studies of token strings."""
