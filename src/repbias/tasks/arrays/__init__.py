"""Tasks made from a user's own arrays: pictures, vectors or sequences, with labels by name."""
