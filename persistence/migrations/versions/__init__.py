"""Named by their number; each has its SQL beside it."""
