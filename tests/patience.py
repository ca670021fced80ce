"""How long tests wait on a machine that does other things too."""

SOON = 10.0
"""Seconds within which what takes a moment has happened. What it is held against would take at least twice that."""
