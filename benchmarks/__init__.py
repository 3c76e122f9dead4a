"""Benchmarks: time and memory against lower bounds and against other libraries; ``python -m benchmarks``."""
