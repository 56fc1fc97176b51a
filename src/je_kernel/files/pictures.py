"""The class of pictures that `files.read` returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from je_kernel.errors import MissingPackageError, UnreadableError

__all__ = ["Picture", "mimetype_in"]

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\0\0\1\0", "image/x-icon"),
)


def mimetype_in(data: bytes) -> str | None:
    """Return the media type of a picture by its content, or None if it is not a picture.

    Examples
    --------
    >>> mimetype_in(b"GIF89a..."), mimetype_in(b"<svg></svg>"), mimetype_in(b"a,b")
    ('image/gif', 'image/svg+xml', None)
    """
    for signature, mimetype in _SIGNATURES:
        if data.startswith(signature):
            return mimetype
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"):
        return "image/avif"
    return "image/svg+xml" if b"<svg" in data[:4096] else None


@dataclass(frozen=True)
class Picture:
    """A picture file. A notebook shows the picture.

    Parameters
    ----------
    name
        The file's name.
    mimetype
        Its media type.
    data
        The file's bytes.
    """

    name: str
    mimetype: str
    data: bytes = field(repr=False)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002
        bundle: dict[str, Any] = {"text/plain": repr(self)}
        if self.mimetype == "image/svg+xml":
            bundle[self.mimetype] = self.data.decode("utf-8", "replace")
        else:
            import base64

            bundle[self.mimetype] = base64.b64encode(self.data).decode("ascii")
        return bundle

    def pillow(self) -> Any:
        """Return the picture as a Pillow image.

        Returns
        -------
        PIL.Image.Image
            A new image each time.

        Raises
        ------
        UnreadableError
            If it is damaged, too large, or in a format that Pillow does not support.
        MissingPackageError
            If Pillow is not installed.
        """
        import io

        try:
            from PIL import Image
        except ModuleNotFoundError:
            raise MissingPackageError(
                "This needs Pillow: write 'import PIL' at the top of this cell and run it again.",
                name="PIL",
            ) from None
        try:
            image = Image.open(io.BytesIO(self.data))
            image.load()  # else Pillow finds damage only when the pixels are first used
        except Image.DecompressionBombError:
            raise UnreadableError(
                f"{self.name!r} has more pixels than fit into memory: it is either a mistake or a "
                "trap. Get a smaller version of the picture."
            ) from None
        except Exception as error:  # Pillow's decoders raise exceptions of many kinds
            raise UnreadableError(
                f"Pillow cannot read the picture {self.name!r}: {error}. It may be damaged, or of "
                "another kind than its name says. Get it from where it comes from once more."
            ) from error
        return image
