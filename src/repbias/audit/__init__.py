"""The audit: which features a representation that somebody brings shouts, which it whispers, what its data can show."""
