"""Store the bytes of notebooks, each under the hash of its content."""

from je_sharing.storage.contents import ContentStore, content_hash, open_store

__all__ = ["ContentStore", "content_hash", "open_store"]
