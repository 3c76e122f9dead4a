"""Interactions among hundreds of players: where to look, what was measured, and what was not looked at."""
