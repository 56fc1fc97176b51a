"""Rename the tables `superseded` and `leaving` to `revisions` and `gc_queue`."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "revisions",
        sa.Column("notebook_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("taken_at", sa.BigInteger, nullable=False),
        sa.Column("content_hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("notebook_id", "taken_at", name="pk_revisions"),
    )
    op.execute(
        "INSERT INTO revisions (notebook_id, taken_at, content_hash) "
        "SELECT notebook_id, taken_at, content_hash FROM superseded"
    )
    op.create_index("ix_revisions_content_hash", "revisions", ["content_hash"])
    op.drop_table("superseded")
    op.create_table(
        "gc_queue",
        sa.Column("content_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("queued_at", sa.BigInteger, nullable=False),
        sa.Column("quarantined_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("content_hash", name="pk_gc_queue"),
    )
    op.execute(
        "INSERT INTO gc_queue (content_hash, queued_at, quarantined_at) "
        "SELECT content_hash, since, set_aside_at FROM leaving"
    )
    op.drop_table("leaving")


def downgrade() -> None:
    """Refuse, as the step before does."""
    raise NotImplementedError("Restore the backup that was made before the migration.")
