"""Notebooks as pages: read-only HTML that runs nothing, asks nobody, and prints well."""
