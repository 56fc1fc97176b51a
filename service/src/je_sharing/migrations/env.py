"""Alembic's environment script: applies the migrations through the service's async engine."""

import asyncio

from alembic import context
from sqlalchemy import Connection, text

from je_sharing.database import create_engine
from je_sharing.schema import metadata
from je_sharing.settings import Settings

# Any number, the same for every process: two that migrate at once take turns.
_LOCK = 7_305_419_226


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


async def _run() -> None:
    settings = context.config.attributes.get("settings") or Settings()
    engine = create_engine(settings)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_migrate)
    finally:
        await engine.dispose()


# Alembic gives the context a configuration when it runs this; importing the module does nothing.
if hasattr(context, "config"):
    asyncio.run(_run())
