"""Clients of other people, unmodified, against the simulator: it serves them as Blink does."""
