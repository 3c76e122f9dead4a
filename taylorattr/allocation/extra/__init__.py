"""Rules outside the fifteen, docs/theory.md §10: families of attributions and interaction indices."""
