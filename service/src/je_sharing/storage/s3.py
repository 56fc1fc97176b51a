"""Contents in an S3-compatible service, through obstore (the Rust crate object_store)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from obstore.store import S3Store as Bucket

from je_sharing.driver import Before, nothing_before
from je_sharing.errors import DamagedContentError
from je_sharing.storage.interface import is_whole

_AT_ONCE = 16


class S3Store:
    """Keeps contents as objects.

    Parameters
    ----------
    bucket
        The bucket, with the prefix applied.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._turns = asyncio.Semaphore(_AT_ONCE)

    @classmethod
    def open(cls, location: str, *, endpoint: str = "") -> "S3Store":
        """Open a bucket; credentials and region come from the usual `AWS_*` variables.

        Parameters
        ----------
        location
            `s3://bucket/prefix`.
        endpoint
            Address of an S3-compatible service, for one that is not Amazon's.

        Returns
        -------
        S3Store
            Ready for use.
        """
        parts = urlsplit(location)
        return cls(
            Bucket(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                config={"endpoint": endpoint} if endpoint else {},
                client_options={
                    "allow_http": endpoint.startswith("http://"),
                    "timeout": timedelta(seconds=60),
                },
                retry_config={"max_retries": 5, "retry_timeout": timedelta(seconds=60)},
            )
        )

    async def put(self, contents: Mapping[bytes, bytes]) -> Before:
        """Store contents; the same content under the same hash may be written again."""
        await asyncio.gather(*(self._put(digest, content) for digest, content in contents.items()))
        return nothing_before

    async def _put(self, digest: bytes, content: bytes) -> None:
        async with self._turns:
            await self._bucket.put_async(_key("contents", digest), content)

    async def get(self, digest: bytes) -> bytes | None:
        """Read a content, or None when there is none; a damaged copy is passed over."""
        is_damaged = False
        for place in ("contents", "aside", "contents"):
            try:
                found = await self._bucket.get_async(_key(place, digest))
                content = bytes(await found.bytes_async())
            except FileNotFoundError:
                continue
            if await is_whole(digest, content, place=place):
                return content
            is_damaged = True
        if is_damaged:
            raise DamagedContentError
        return None

    async def set_aside(self, digests: Sequence[bytes]) -> None:
        """Take contents out of the way; missing ones are passed over."""
        await self._each(digests, lambda digest: self._move(digest, "contents", "aside"))

    async def bring_back(self, digests: Sequence[bytes]) -> None:
        """Undo `set_aside`."""
        await self._each(digests, lambda digest: self._move(digest, "aside", "contents"))

    async def _move(self, digest: bytes, source: str, target: str) -> None:
        try:
            await self._bucket.copy_async(_key(source, digest), _key(target, digest))
        except FileNotFoundError:
            return
        await self._bucket.delete_async(_key(source, digest))

    async def drop(self, digests: Sequence[bytes]) -> None:
        """Delete contents that were set aside, for good."""
        await self._each(digests, self._delete_aside)

    async def _delete_aside(self, digest: bytes) -> None:
        await self._bucket.delete_async(_key("aside", digest))

    async def _each(
        self, digests: Sequence[bytes], action: Callable[[bytes], Awaitable[None]]
    ) -> None:
        await asyncio.gather(*(action(digest) for digest in digests))

    async def reclaim(self) -> None:
        """Do nothing: the service itself gives back what was deleted."""

    async def close(self) -> None:
        """Do nothing: every call ended with its answer."""

    async def ping(self) -> None:
        """Raise when the bucket cannot be reached."""
        # Nothing is ever stored there. Asking for one missing object would not tell a missing
        # object from a missing bucket.
        await self._bucket.list_with_delimiter_async("ready")


def _key(place: str, digest: bytes) -> str:
    name = digest.hex()
    return f"{place}/{name[:2]}/{name}"
