"""Formulas of the relevance rules, free of programs: secants, softmax, maxima, norms, products."""
