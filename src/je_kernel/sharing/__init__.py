"""Share a notebook by a link of a few words, and open such a link.

``share()`` makes a link to the current state of the notebook, ``open_shared()``
opens one. Nothing is sent before ``share()`` is called, and then only the notebook,
without the metadata that identifies its author.
"""

from __future__ import annotations

from je_kernel.sharing.client import ShareCommand, open_shared, share
from je_kernel.sharing.errors import (
    InvalidNotebookError,
    NoSharingServiceError,
    NoSuchShareError,
    NotYourShareError,
    PersonalDataError,
    ServiceRefusedError,
    SharingError,
    TakenDownError,
    TooLargeError,
    UnreachableServiceError,
)
from je_kernel.sharing.share_display import NotShared, Retried, Revoked, Share
from je_kernel.sharing.viewer import SavedCopy, SharedNotebook

__all__ = [
    "InvalidNotebookError",
    "NoSharingServiceError",
    "NoSuchShareError",
    "NotShared",
    "NotYourShareError",
    "PersonalDataError",
    "Retried",
    "Revoked",
    "SavedCopy",
    "ServiceRefusedError",
    "Share",
    "ShareCommand",
    "SharedNotebook",
    "SharingError",
    "TakenDownError",
    "TooLargeError",
    "UnreachableServiceError",
    "open_shared",
    "share",
]
