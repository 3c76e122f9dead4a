"""Derivatives and coalition values of torch functions: any model, any input, grouped into players."""
