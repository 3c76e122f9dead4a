"""The three criteria of a method on the user's network: ``ta.audit``."""
