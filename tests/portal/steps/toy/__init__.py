"""A flow of four steps that knows nothing of rollouts: a chest is packed into a van, weighed, and sent off."""
