"""What can be decoded from a representation."""
