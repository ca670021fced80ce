"""What the apps, the gateway and the sandbox all need: the standard library, and nothing of ours."""
