"""Exact, framework-free mathematics: multi-indices, coalitions, transforms, frames, indices, quadrature."""
