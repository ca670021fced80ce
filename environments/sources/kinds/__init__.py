"""Kinds of sources: a module with a SOURCE is one by being there."""
