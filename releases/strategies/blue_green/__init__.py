"""Blue-green: what its plan notes of each workload, how its objects are arranged, and its steps."""
