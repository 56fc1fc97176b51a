"""``google.colab.runtime``: ``unassign`` tells how to end the kernel."""

from __future__ import annotations


def unassign() -> None:
    """Say how to end the kernel."""
    print("To end the kernel, choose Kernel > Shut Down Kernel.")
