"""The simulated nodes' side of a pod's life: pulls, probes, restarts, logs and the status that is reported."""
