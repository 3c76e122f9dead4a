"""Integrals of gradients along straight paths, exact by pieces for piecewise linear models."""
