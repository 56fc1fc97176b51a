"""Copy contents out of pack files, which have many contents each, into one file for each."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

from je_sharing.settings import Settings
from je_sharing.storage.folder import Folder

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_log = logging.getLogger(__name__)


def upgrade() -> None:
    """Apply the step."""
    query = sa.text(
        "SELECT content_hash, pack, start, size, aside FROM packed ORDER BY pack, start"
    )
    rows = op.get_bind().execute(query).all()
    if rows:
        config = op.get_context().config
        assert config is not None
        settings = config.attributes.get("settings") or Settings()
        _unpack(Path(settings.storage_location.removeprefix("file://")), rows)
    op.drop_index("ix_packed_pack", "packed")
    op.drop_table("packed")


def _unpack(root: Path, rows: Iterable[Any]) -> None:
    """Write each content to a file; the packs stay until no backup needs them.

    Damaged contents are copied as they are: a read reports them, and sharing them again replaces
    them.
    """
    folder = Folder(root, fsync=False)
    folder.create()
    packs = set()
    for digest, pack, start, size, aside in rows:
        try:
            with (root / pack).open("rb") as file:
                file.seek(start)
                content = file.read(size)
        except FileNotFoundError:
            _log.error("the content %s is missing: there is no %s", digest.hex(), pack)
            continue
        name = digest.hex()
        folder.write(f"{'aside' if aside else 'contents'}/{name[:2]}/{name}", content)
        packs.add(root / pack)
    os.sync()
    # Their age counts from now.
    for path in packs:
        os.utime(path)


def downgrade() -> None:
    """Refuse: earlier versions cannot read files."""
    raise NotImplementedError("Restore the backup that was made before the migration.")
