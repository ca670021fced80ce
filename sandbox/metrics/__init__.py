"""What the sandbox measures, and how it answers as a Prometheus."""
