"""Claims that are false, one per file, each with the smallest case in which it fails."""
