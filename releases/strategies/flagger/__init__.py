"""Releases through Flagger: its Canary resource, what is left to it, and how its word is followed."""
