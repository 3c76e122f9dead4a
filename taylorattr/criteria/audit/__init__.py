"""The three criteria of a method, measured on the user's own network."""
