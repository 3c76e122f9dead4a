"""The example that ``taylorattr demo`` runs: a trained network's prediction taken apart, and checked twice.

It lies in the package, not beside the other examples, so that an installed wheel can run it without a clone.
"""
