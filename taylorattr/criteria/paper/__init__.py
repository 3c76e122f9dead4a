"""The three criteria of a rule on paper: ``ta.check``."""
