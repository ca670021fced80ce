"""The parts of a plan, one canonical document that says what will happen. All are pure but sources and cluster."""
