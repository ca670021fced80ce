"""What several strategies are made of: steps, operations, and what they need of a plan."""
