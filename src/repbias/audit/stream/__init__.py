"""The audit of activity that is read once, in chunks, and does not fit in memory."""
