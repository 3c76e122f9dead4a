"""The rule of a black box, read from its answers on functions made for it: ``ta.probe``."""
