"""Moves rollouts: passes over those that are due, what is done to clusters, and what is put on record."""
