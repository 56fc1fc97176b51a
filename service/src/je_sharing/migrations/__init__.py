"""Alembic migrations of the schema, shipped in the package for `je-sharing migrate`."""
