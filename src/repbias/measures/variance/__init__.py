"""How much of a representation's variance each feature explains."""
