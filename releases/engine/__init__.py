"""Deciding what a rollout does next, from a plan and what is known of the world. Pure."""
