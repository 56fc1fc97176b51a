"""Sharing: from a notebook to a link that one can say aloud, and back.

``share()`` makes a link to the notebook as it is now, ``open_shared()`` opens
such a link. Nothing is sent before ``share()`` is called, and what is sent is
the notebook alone, without what programs write into it about its author.
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
    "TooLargeError",
    "UnreachableServiceError",
    "open_shared",
    "share",
]
