"""`make demo`: the two platforms of the documents in their four environments, and a rollout under way."""
