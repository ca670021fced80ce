"""The part of the query language that the sandbox answers, by the rules of Prometheus 2.42 to 2.50. No more of it."""
