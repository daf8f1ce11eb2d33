"""Studies of vectors of bits."""
