"""How similar two representations are."""
