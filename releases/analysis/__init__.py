"""Evidence: what is measured of a new version beside the old one, and what the numbers say.

`metrics` is what a person asks for, `templates` the queries of each router, `measuring` asks Prometheus, `judge` and
`tally` decide (pure), `compare` holds two sides against each other, `chart` draws.
"""
