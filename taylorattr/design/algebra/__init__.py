"""Rules made of rules, with their proofs."""
