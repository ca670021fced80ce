"""The API of a cluster: how it is reached, one call with its time limits, and what can go wrong with it."""
