"""Carries out what the engine decided, through the gateway. Repeating any of it changes nothing.

A file a family of operations; a function with `@handles(Operation)` in one of them is found by being there. What only
some strategies want is carried out beside them, in `releases.strategies`.
"""
