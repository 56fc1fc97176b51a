"""Show the windows of OpenCV in the output of the cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt", "show_picture"]


def show_picture(image: Any) -> None:
    """Show an OpenCV image: rows of pixels, in blue, green and red, or grey."""
    from IPython.display import display
    from PIL import Image

    if image is None or getattr(image, "size", 0) == 0:
        raise ValueError(
            "There is no picture to show: cv2.imread gives None for a wrong file name."
        )
    pixels = image.clip(0, 255).astype("uint8")
    if pixels.ndim == 3:
        order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(pixels.shape[2], [0])
        pixels = pixels[:, :, order]
        pixels = pixels[:, :, 0] if len(order) == 1 else pixels
    display(Image.fromarray(pixels))  # type: ignore[no-untyped-call]


def adapt(module: ModuleType, patches: Patches) -> None:
    """Replace the functions of OpenCV for windows and keys."""

    def imshow(_window: str, image: Any) -> None:
        show_picture(image)

    def key(_delay: int = 0) -> int:
        return ord("q")  # ends loops that wait for a key

    for name in ("namedWindow", "moveWindow", "resizeWindow", "destroyWindow", "destroyAllWindows"):
        patches.set(module, name, lambda *_args, **_kwargs: None)
    for name, function in {"imshow": imshow, "waitKey": key, "waitKeyEx": key}.items():
        patches.set(module, name, function)
