"""The theorems this package rests on, one per file, each a program for sympy: ``python -m proofs``."""
