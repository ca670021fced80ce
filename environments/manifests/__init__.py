"""From a bundle to the objects of an environment: pure, nothing here reads a file, a clock or a cluster."""
