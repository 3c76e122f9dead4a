"""Back-propagation methods as sums over each layer's effects: one-layer ratios chained through a network."""
