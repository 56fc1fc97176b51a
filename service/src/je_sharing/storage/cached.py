"""A cache of contents: a content never changes under its hash."""

from collections import OrderedDict

from je_sharing.storage.contents import ContentStore


class ContentCache:
    """Reads through to a store, keeping the contents used last.

    Parameters
    ----------
    store
        Where the contents are.
    capacity
        Bytes to keep at most.
    """

    def __init__(self, store: ContentStore, capacity: int) -> None:
        self._store = store
        self._capacity = capacity
        self._used = 0
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()

    async def get(self, digest: bytes) -> bytes | None:
        """Read a content, or None when there is none."""
        content = self._kept.get(digest)
        if content is not None:
            self._kept.move_to_end(digest)
            return content
        content = await self._store.get(digest)
        if content is not None:
            self._keep(digest, content)
        return content

    def _keep(self, digest: bytes, content: bytes) -> None:
        # One large notebook must not push a whole class's small ones out.
        if len(content) > self._capacity // 8 or digest in self._kept:
            return
        self._kept[digest] = content
        self._used += len(content)
        while self._used > self._capacity:
            _, dropped = self._kept.popitem(last=False)
            self._used -= len(dropped)
