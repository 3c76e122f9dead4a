"""What each operation does with the relevance that reaches it; one family of rules per file."""
