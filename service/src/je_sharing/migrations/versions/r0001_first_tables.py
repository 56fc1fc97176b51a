"""Create the first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "notebooks",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("readable_id", sa.String(80), nullable=False),
        sa.Column("session_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("share_key", sa.LargeBinary(32), nullable=True),
        sa.Column("password_hash", sa.String(200), nullable=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("taken_at", sa.BigInteger, nullable=False),
        sa.Column("shared_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notebooks"),
        sa.UniqueConstraint("readable_id", name="uq_notebooks_readable_id"),
        sa.UniqueConstraint("share_key", name="uq_notebooks_share_key"),
    )
    op.create_index("ix_notebooks_content_hash", "notebooks", ["content_hash"])
    op.create_index("ix_notebooks_shared_at", "notebooks", ["shared_at"])
    op.create_table(
        "superseded",
        sa.Column("notebook_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("taken_at", sa.BigInteger, nullable=False),
        sa.Column("content_hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("notebook_id", "taken_at", name="pk_superseded"),
    )
    op.create_index("ix_superseded_content_hash", "superseded", ["content_hash"])
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("refreshed_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "signing_keys",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("secret", sa.LargeBinary(64), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_signing_keys"),
    )
    op.create_table(
        "packed",
        sa.Column("content_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("pack", sa.String(40), nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("aside", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("content_hash", name="pk_packed"),
    )
    op.create_index("ix_packed_pack", "packed", ["pack"])
    op.create_table(
        "leaving",
        sa.Column("content_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("set_aside_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("content_hash", name="pk_leaving"),
    )
    op.create_table(
        "daily_salts",
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("salt", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_daily_salts"),
    )
    op.create_table(
        "rate_counts",
        sa.Column("subject", sa.LargeBinary(16), nullable=False),
        sa.Column("minute", sa.Integer, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("subject", "minute", name="pk_rate_counts"),
    )
    op.create_index("ix_rate_counts_minute", "rate_counts", ["minute"])


def downgrade() -> None:
    """Take the step back."""
    for table in (
        "rate_counts",
        "daily_salts",
        "leaving",
        "packed",
        "signing_keys",
        "sessions",
        "superseded",
        "notebooks",
    ):
        op.drop_table(table)
