"""Whose votes agree to a plan: four eyes, how votes are counted, and what becomes of those that no longer count."""
