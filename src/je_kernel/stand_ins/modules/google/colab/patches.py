"""``google.colab.patches``: ``cv2_imshow`` shows an OpenCV image below the cell."""

from __future__ import annotations

from typing import Any

from je_kernel.stand_ins.opencv import show_picture


def cv2_imshow(a: Any) -> None:
    """Show a picture of OpenCV's."""
    show_picture(a)
