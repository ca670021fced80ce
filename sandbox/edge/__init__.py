"""The simulated edge: requests go to pods by the objects that meshes, gateways and ingress controllers read."""
