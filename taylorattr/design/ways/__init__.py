"""Ways to compute the scores of a rule on a network."""
