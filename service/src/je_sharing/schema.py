"""The database tables. Times are microseconds since 1970 (UTC), exact in every database."""

import time

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Uuid,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

notebooks = Table(
    "notebooks",
    metadata,
    Column("id", Uuid(as_uuid=False), primary_key=True),
    Column("readable_id", String(80), nullable=False, unique=True),
    Column("session_id", Uuid(as_uuid=False), nullable=False),
    Column("content_hash", LargeBinary(32), nullable=False, index=True),
    # Makes a share idempotent; null after an update.
    Column("share_key", LargeBinary(32), nullable=True, unique=True),
    Column("password_hash", String(200), nullable=True),
    Column("created_at", BigInteger, nullable=False),
    Column("taken_at", BigInteger, nullable=False),
    Column("shared_at", BigInteger, nullable=False, index=True),
)

# Earlier contents of updated notebooks.
revisions = Table(
    "revisions",
    metadata,
    Column("notebook_id", Uuid(as_uuid=False), primary_key=True),
    Column("taken_at", BigInteger, primary_key=True),
    Column("content_hash", LargeBinary(32), nullable=False, index=True),
)

# Notebooks that the operator took down, also after they are deleted (see `moderation`).
blocks = Table(
    "blocks",
    metadata,
    Column("notebook_id", Uuid(as_uuid=False), primary_key=True),
    Column("readable_id", String(80), nullable=False),
    Column("content_hash", LargeBinary(32), nullable=False, index=True),
    Column("blocked_at", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid(as_uuid=False), primary_key=True),
    Column("token_hash", LargeBinary(32), nullable=False),
    Column("refreshed_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("revoked_at", BigInteger, nullable=True),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("secret", LargeBinary(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

# Contents that lost their last notebook, to be quarantined and then deleted (see `sweep`).
gc_queue = Table(
    "gc_queue",
    metadata,
    Column("content_hash", LargeBinary(32), primary_key=True),
    Column("queued_at", BigInteger, nullable=False),
    Column("quarantined_at", BigInteger, nullable=True),
)

daily_salts = Table(
    "daily_salts",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("salt", LargeBinary(32), nullable=False),
)

rate_counts = Table(
    "rate_counts",
    metadata,
    Column("subject", LargeBinary(16), primary_key=True),
    Column("minute", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
    Index("ix_rate_counts_minute", "minute"),
)


def now() -> int:
    """Read the clock, in microseconds since 1970."""
    return time.time_ns() // 1000
