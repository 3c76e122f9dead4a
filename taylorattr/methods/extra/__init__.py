"""Systems beside the fifteen methods, which share out no effects, and extensions of those methods."""
