"""Slipway measured: a command each, python -m benchmarks.NAME; benchmarks/all runs every one."""
