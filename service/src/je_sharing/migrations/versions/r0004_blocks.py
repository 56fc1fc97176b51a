"""Create the table of blocked notebooks.

Processes of the previous version can continue to run: they do not use the table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "blocks",
        sa.Column("notebook_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("readable_id", sa.String(80), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("blocked_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("notebook_id", name="pk_blocks"),
    )
    op.create_index("ix_blocks_content_hash", "blocks", ["content_hash"])


def downgrade() -> None:
    """Take the step back."""
    op.drop_table("blocks")
