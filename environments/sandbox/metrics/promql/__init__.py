"""The part of Prometheus' query language that the sandbox answers, as Prometheus 2 does; the rest is an error."""
