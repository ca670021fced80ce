"""Requests that no client sends by intention, made from real ones; the same seed makes the same ones."""
