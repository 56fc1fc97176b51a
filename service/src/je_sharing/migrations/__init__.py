"""Alembic's migrations, shipped inside the package."""
