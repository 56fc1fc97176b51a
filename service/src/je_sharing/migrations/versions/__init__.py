"""The migrations of the schema, one module each, numbered in their order."""
