"""Tasks of bits and symbols."""
