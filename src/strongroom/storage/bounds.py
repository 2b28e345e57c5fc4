"""How much a worker holds in memory, and for how long it is believed, unless its operator says otherwise."""

KEYS = 1_000_000
"""Keys; some 150 bytes each, when they are here."""

STALENESS = 1.0
"""Seconds without hearing from the database."""
