"""A picture that a notebook shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Picture"]


@dataclass(frozen=True)
class Picture:
    """A picture from a file. A notebook shows it.

    Parameters
    ----------
    name
        The file's name.
    mimetype
        Its media type.
    data
        The file itself.
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
        """Return the picture as a Pillow image, to look at or change its pixels.

        Returns
        -------
        PIL.Image.Image
            A new image each time.
        """
        import io

        from PIL import Image

        return Image.open(io.BytesIO(self.data))
