"""Which allocation rule a black box is, read from its answers on made-up functions."""
