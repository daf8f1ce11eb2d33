"""The audit of a user's network or recordings: what it over- and under-represents, and what its data can show."""
