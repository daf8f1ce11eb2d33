"""Studies of data that were not made for the purpose: what they share is that roles are matched only in part."""
