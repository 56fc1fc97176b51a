"""Store objects in an S3-compatible service, through obstore (the Rust crate object_store)."""

from datetime import timedelta
from urllib.parse import urlsplit

from obstore.store import S3Store


class Bucket:
    """Keeps objects in a bucket.

    Parameters
    ----------
    store
        The bucket, with the prefix applied.
    """

    def __init__(self, store: S3Store) -> None:
        self._store = store

    async def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        await self._store.put_async(key, content)

    async def get(self, key: str) -> bytes | None:
        """Read an object; None if there is none."""
        try:
            found = await self._store.get_async(key)
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            return None

    async def size(self, key: str) -> int | None:
        """Return an object's bytes; None if there is none."""
        try:
            return int((await self._store.head_async(key))["size"])
        except FileNotFoundError:
            return None

    async def move(self, source: str, target: str) -> None:
        """Move an object; does nothing if there is none."""
        try:
            await self._store.copy_async(source, target)
        except FileNotFoundError:
            return
        await self._store.delete_async(source)

    async def delete(self, key: str) -> None:
        """Delete an object, if there is one."""
        await self._store.delete_async(key)

    async def delete_leftovers(self) -> None:
        """Do nothing: S3 never shows an incomplete object."""

    async def ping(self) -> None:
        """Raise when the bucket cannot be reached."""
        # Nothing is ever stored there. A request for one missing object would not tell a missing
        # object from a missing bucket.
        await self._store.list_with_delimiter_async("ready")


def open_bucket(location: str, *, endpoint: str = "") -> Bucket:
    """Open a bucket; credentials and region come from the usual `AWS_*` variables.

    Parameters
    ----------
    location
        `s3://bucket/prefix`.
    endpoint
        Address of an S3-compatible service, for one that is not Amazon's.

    Returns
    -------
    Bucket
        Ready for use.
    """
    parts = urlsplit(location)
    store = S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        config={"endpoint": endpoint} if endpoint else {},
        client_options={
            "allow_http": endpoint.startswith("http://"),
            "timeout": timedelta(seconds=60),
        },
        retry_config={"max_retries": 5, "retry_timeout": timedelta(seconds=60)},
    )
    return Bucket(store)
