"""Claims that are false, each with the smallest case in which it fails: tables of rows, and five programs."""
