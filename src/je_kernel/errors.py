"""The exceptions of je-kernel.

Each says what happened, why, and what to do next, in words for a student. In a
notebook its traceback shows the student's own lines and then these words.

Each is also an exception of the class that ordinary Python or the library in use
raises, so that existing ``except`` clauses keep working::

    JeKernelError
    ├── ArgumentError (also TypeError and ValueError)   a value the function cannot use
    ├── NotInBrowserError (also RuntimeError)
    ├── UnavailableError (also NotImplementedError)   a browser does not have it
    │   ├── MissingPartError (also AttributeError)   a stand-in does not have it
    │   └── NoSocketError (also OSError)             a browser has only HTTP
    ├── DeadlockError (also RuntimeError)        a wait that no thread can end
    ├── InstallError (also ValueError)
    ├── PackageNotLoadedError (also ModuleNotFoundError)
    ├── NetworkError (also urllib.error.URLError, so OSError)
    │   ├── SiteForbidsError       the site does not let notebooks read it (CORS)
    │   ├── InsecureAddressError   an http:// address on an https:// page
    │   ├── OfflineError           there is no network at the moment
    │   ├── UnreachableError       no such host, or it does not answer
    │   ├── TimedOutError (also TimeoutError)
    │   ├── BrokenOffError (also ConnectionError)   in the middle of a response
    │   ├── BadAddressError (also ValueError)       a browser cannot send it
    │   └── NotDataError           a web page instead of data
    │       └── SharingLinkError (also ValueError)   the link of a sharing page
    ├── StatusError (also urllib.error.HTTPError, so URLError and OSError)
    │   ├── LoginNeededError       401
    │   ├── AccessDeniedError      403
    │   ├── NotFoundError          404 and 410
    │   ├── TooManyRequestsError   429
    │   └── ServerFailedError      500 and up
    └── FilesError
        ├── BadNameError (also ValueError)           the name is not allowed
        ├── ChangedFileError (also OSError)          it changed since it was read
        ├── ExistingFileError (also FileExistsError)
        ├── FolderError (also IsADirectoryError)     a folder where a file should be
        ├── MissingFileError (also FileNotFoundError)
        ├── MissingPackageError (also ImportError)   this kind of file needs a package
        ├── NotFolderError (also NotADirectoryError)
        ├── NoSpaceError (also OSError)              the browser's storage is full
        ├── ReadOnlyError (also PermissionError)     it came with the site
        ├── StoreError (also OSError)                the browser's storage failed
        └── UnreadableError (also ValueError)        not what the file's name says

    JeKernelWarning (UserWarning)
    └── SavedCopyWarning           a saved copy replaces a response

`combined` returns one of these that is also an exception of another library, such
as ``requests.exceptions.ConnectionError``.
"""

from __future__ import annotations

import errno
import functools
import io
from email.message import Message
from typing import IO, TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AccessDeniedError",
    "ArgumentError",
    "BadAddressError",
    "BadNameError",
    "BrokenOffError",
    "ChangedFileError",
    "DeadlockError",
    "ExistingFileError",
    "FilesError",
    "FolderError",
    "InsecureAddressError",
    "InstallError",
    "JeKernelError",
    "JeKernelWarning",
    "LoginNeededError",
    "MissingFileError",
    "MissingPackageError",
    "MissingPartError",
    "NetworkError",
    "NoSocketError",
    "NoSpaceError",
    "NotDataError",
    "NotFolderError",
    "NotFoundError",
    "NotInBrowserError",
    "OfflineError",
    "PackageNotLoadedError",
    "ReadOnlyError",
    "SavedCopyWarning",
    "ServerFailedError",
    "SharingLinkError",
    "SiteForbidsError",
    "StatusError",
    "StoreError",
    "TimedOutError",
    "TooManyRequestsError",
    "UnavailableError",
    "UnreachableError",
    "UnreadableError",
    "combined",
    "status_error",
]


class JeKernelError(Exception):
    """Base class of every exception that je-kernel raises by itself."""

    def _render_traceback_(self) -> list[str]:
        """Return the traceback as IPython should show it: short, our words last."""
        from je_kernel.tracebacks import render

        return render(self)


class ArgumentError(JeKernelError, TypeError, ValueError):
    """An argument has a value that the function cannot use. Every function may raise it."""


class NotInBrowserError(JeKernelError, RuntimeError):
    """The function works only in a kernel in a browser."""


class UnavailableError(JeKernelError, NotImplementedError):
    """A program for a laptop or for Colab needs something that a browser does not have."""


class MissingPartError(UnavailableError, AttributeError):
    """A stand-in for a module of a laptop or of Colab does not have this attribute."""


class NoSocketError(UnavailableError, OSError):
    """A program opens a socket, which a browser does not allow."""


class DeadlockError(JeKernelError, RuntimeError):
    """A thread, or the cell itself, waits for a lock or thread that nothing can release or end."""


class InstallError(JeKernelError, ValueError):
    """A package could not be installed."""


class PackageNotLoadedError(JeKernelError, ModuleNotFoundError):
    """The site has the package of a module, but the package could not be loaded."""


class NetworkError(JeKernelError, URLError):
    """There is no response, or the browser does not let Python read it.

    Parameters
    ----------
    text
        What happened, why, and what to do next.
    url
        The address of the request.
    reason
        The cause, as ordinary Python has it.
    """

    _errno = errno.EIO
    _reason: type[OSError] = OSError

    def __init__(self, text: str, url: str = "", reason: OSError | None = None) -> None:
        super().__init__(reason if reason is not None else self._default_reason())
        self.text = text
        self.url = url

    @classmethod
    def _default_reason(cls) -> OSError:
        return cls._reason(cls._errno, "the browser gave no answer to Python")

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        from je_kernel.net.credentials import redact_url

        return f"{type(self).__name__}({self.text!r}, url={redact_url(self.url)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.text, self.url, self.reason)


class SiteForbidsError(NetworkError):
    """The site answers, but does not let notebooks in a browser read it (CORS)."""

    _errno = errno.EACCES
    _reason = PermissionError


class InsecureAddressError(NetworkError):
    """An ``http://`` address on a page that was loaded over ``https://`` (mixed content)."""

    _errno = errno.EACCES
    _reason = PermissionError


class OfflineError(NetworkError):
    """There is no network at the moment."""

    _errno = errno.ENETUNREACH


class UnreachableError(NetworkError):
    """There is no such host, or it does not answer."""

    _errno = errno.EHOSTUNREACH
    _reason = ConnectionError


class TimedOutError(NetworkError, TimeoutError):
    """There was no response within the timeout."""

    _errno = errno.ETIMEDOUT
    _reason = TimeoutError


class BrokenOffError(NetworkError, ConnectionError):
    """The connection broke off in the middle of the response.

    Parameters
    ----------
    text
        What happened, why, and what to do next.
    url
        The address of the request.
    reason
        The cause, as ordinary Python has it.
    partial
        The bytes received and not yet read.
    """

    _errno = errno.ECONNRESET
    _reason = ConnectionResetError

    def __init__(
        self, text: str, url: str = "", reason: OSError | None = None, partial: bytes = b""
    ) -> None:
        super().__init__(text, url, reason)
        self.partial = partial

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.text, self.url, self.reason, self.partial)


class BadAddressError(NetworkError, ValueError):
    """The browser cannot send a request to this address."""

    _errno = errno.EINVAL


class NotDataError(NetworkError):
    """The response to a request for data is a web page."""


class SharingLinkError(NotDataError, ValueError):
    """The link leads to a page about the data and not to the data.

    Parameters
    ----------
    text
        What happened, why, and what to do next.
    url
        The link in the request.
    reason
        The cause, as ordinary Python has it.
    link
        The link that works, if there is one.
    """

    def __init__(
        self, text: str, url: str = "", reason: OSError | None = None, link: str | None = None
    ) -> None:
        super().__init__(text, url, reason)
        self.link = link

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.text, self.url, self.reason, self.link)


class StatusError(JeKernelError, HTTPError):
    """The response has an error status.

    It is the `urllib.error.HTTPError` that ordinary Python raises: ``code``,
    ``headers`` and the body, by ``read()``, are there. Its text begins as in
    ordinary Python, and an explanation follows.

    Parameters
    ----------
    url
        The address of the response.
    code
        The status, such as 404.
    msg
        The reason phrase, such as ``"Not Found"``.
    hdrs
        The headers of the response.
    fp
        The body of the response.
    explanation
        The likely cause, and what to do next.
    """

    def __init__(
        self,
        url: str,
        code: int,
        msg: str,
        hdrs: Message | None,
        fp: IO[bytes] | None,
        explanation: str = "",
    ) -> None:
        headers = hdrs if hdrs is not None else Message()
        super().__init__(url, code, msg, headers, fp if fp is not None else io.BytesIO())
        self.explanation = explanation

    def __str__(self) -> str:
        standard = HTTPError.__str__(self)
        return f"{standard}\n\n{self.explanation}" if self.explanation else standard

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.code}: {self.msg!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # The body can be read only once: the read bytes are put back.
        body = b"" if self.closed else self.read()
        arguments = (self.url, self.code, self.msg, self.headers)
        if not self.closed:
            self.__dict__.pop("read", None)  # the wrapper of tempfile keeps the method of the file
            StatusError.__init__(self, *arguments, io.BytesIO(body), self.explanation)
        return type(self), (*arguments, io.BytesIO(body), self.explanation)


class LoginNeededError(StatusError):
    """401: the site wants a login."""


class AccessDeniedError(StatusError):
    """403: the site refuses."""


class NotFoundError(StatusError):
    """404 or 410: the site has nothing at this address."""


class TooManyRequestsError(StatusError):
    """429: the site received too many requests."""


class ServerFailedError(StatusError):
    """500 and up: the site's server failed."""


_STATUS_ERRORS: Mapping[int, type[StatusError]] = {
    401: LoginNeededError,
    403: AccessDeniedError,
    404: NotFoundError,
    410: NotFoundError,
    429: TooManyRequestsError,
}


def status_error(code: int) -> type[StatusError]:
    """Return the class of error for an HTTP status.

    Parameters
    ----------
    code
        The status, such as 404.

    Returns
    -------
    type of StatusError
        The class for this status, or `StatusError` itself.

    Examples
    --------
    >>> status_error(404).__name__, status_error(503).__name__, status_error(418).__name__
    ('NotFoundError', 'ServerFailedError', 'StatusError')
    """
    if not isinstance(code, int):
        raise ArgumentError(f"A status is a whole number, such as 404, not {code!r:.60}.")
    return _STATUS_ERRORS.get(code, ServerFailedError if code >= 500 else StatusError)


def combined(error: NetworkError, base: type[Exception], **arguments: Any) -> NetworkError:
    """Return a network error that is also an exception of another library.

    Parameters
    ----------
    error
        An error of `je_kernel.net.error_messages.network_error`.
    base
        The class of the other library.
    **arguments
        Other arguments of that class, such as ``request=``.

    Returns
    -------
    NetworkError
        An error of both classes, with the text of the first; the error itself if it is an
        instance of the other class already.

    Examples
    --------
    >>> class LibraryError(Exception):
    ...     pass
    >>> error = combined(OfflineError("No network."), LibraryError)
    >>> isinstance(error, LibraryError), type(error).__name__, str(error)
    (True, 'OfflineError', 'No network.')
    """
    if isinstance(error, base):
        return error
    both = _combined_class(type(error), base)  # type: ignore[arg-type]
    instance = both.__new__(both, error.text)
    # The base first: our class then sets the text.
    base.__init__(instance, error.text, **arguments)
    _, ours = error.__reduce__()
    type(error).__init__(instance, *ours)
    for name, value in arguments.items():
        if getattr(instance, name, None) is None:
            setattr(instance, name, value)
    return instance


@functools.cache  # one class for each pair, so that it can be compared and pickled
def _combined_class(ours: type[NetworkError], base: type[Exception]) -> type[NetworkError]:
    def reduce(self: NetworkError) -> tuple[Any, ...]:
        _, arguments = ours.__reduce__(self)
        return _restore_combined, (ours, base, arguments)

    members = {"__module__": ours.__module__, "__doc__": ours.__doc__, "__reduce__": reduce}
    return type(ours.__name__, (ours, base), members)


def _restore_combined(
    ours: type[NetworkError], base: type[Exception], arguments: tuple[Any, ...]
) -> NetworkError:
    return combined(ours(*arguments), base)


class FilesError(JeKernelError):
    """Base class of the exceptions of `je_kernel.files`."""


class BadNameError(FilesError, ValueError):
    """The name is not allowed, or leads out of the site's files."""


class ChangedFileError(FilesError, OSError):
    """The file has changed since it was read."""


class ExistingFileError(FilesError, FileExistsError):
    """There is a file of this name already, and it must not be replaced."""


class FolderError(FilesError, IsADirectoryError):
    """A file is needed, and this is a folder."""


class MissingFileError(FilesError, FileNotFoundError):
    """There is no such file."""


class MissingPackageError(FilesError, ImportError):
    """The kind of file needs a Python package that is not installed."""


class NoSpaceError(FilesError, OSError):
    """The browser's storage, or the disk, is full. The old file is still there."""


class NotFolderError(FilesError, NotADirectoryError):
    """A folder is needed, and this is a file."""


class ReadOnlyError(FilesError, PermissionError):
    """The file cannot be changed, because it came with the site or is protected."""


class StoreError(FilesError, OSError):
    """The browser's storage failed."""


class UnreadableError(FilesError, ValueError):
    """The file's content does not fit its kind."""


class JeKernelWarning(UserWarning):
    """Base class of every warning that je-kernel gives."""


class SavedCopyWarning(JeKernelWarning):
    """A saved copy of a download replaces the response of the network."""
