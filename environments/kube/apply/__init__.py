"""Writing objects: server-side apply, whose hand is on a field, what a write would change, and pruning."""
