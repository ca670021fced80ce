"""Watches: one open request a cluster and kind, and what is kept of an object."""
