"""Graphs as files: one format per file, each reads back exactly what it wrote."""
