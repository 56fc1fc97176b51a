"""Where the notebooks' bytes are, by the hash of their content."""

from je_sharing.storage.interface import ContentStore, content_hash, open_store

__all__ = ["ContentStore", "content_hash", "open_store"]
