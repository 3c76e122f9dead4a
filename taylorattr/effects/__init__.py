"""A prediction taken apart into first-order, independent and interaction effects."""
