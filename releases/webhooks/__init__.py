"""Webhooks of CI: the door, what an event leads to, and how it went; a provider is a file in `providers`."""
