"""Canary: a second Deployment gets a growing share of the requests, as long as the evidence is good."""
