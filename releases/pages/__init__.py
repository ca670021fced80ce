"""The portal's own pages about releases: the matrix, rollouts, approvals and the history."""
