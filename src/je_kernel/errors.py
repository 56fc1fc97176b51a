"""The exceptions of je-kernel.

Each says what happened, why, and what to do next, in words for a student. In a
notebook their traceback shows the student's own lines and then these words.

Each is also the kind of exception that the library at hand would have raised,
so that ``except`` clauses written for ordinary Python keep working::

    JeKernelError
    ├── ArgumentError (also TypeError and ValueError)   nothing the function can use
    ├── NotInBrowserError (also RuntimeError)
    ├── UnavailableError (also NotImplementedError)   of a laptop or of Colab, and not here
    │   ├── MissingPartError (also AttributeError)   a stand-in does not have that function
    │   └── NoSocketError (also OSError)             only HTTP leaves a browser
    ├── DeadlockError (also RuntimeError)        a wait that no thread can end
    ├── InstallError (also ValueError)
    ├── PackageNotLoadedError (also ModuleNotFoundError)
    ├── NetworkError (also urllib.error.URLError, so OSError)
    │   ├── SiteForbidsError       the site does not let notebooks read it (CORS)
    │   ├── InsecureAddressError   http:// asked for by an https:// page
    │   ├── OfflineError           there is no network at the moment
    │   ├── UnreachableError       no such host, or nobody answers there
    │   ├── TimedOutError (also TimeoutError)
    │   ├── BrokenOffError (also ConnectionError)   the answer stopped midway
    │   ├── BadAddressError (also ValueError)       nothing a browser can ask for
    │   └── NotDataError           a web page came where data was asked for
    │       └── SharingLinkError (also ValueError)   the link of a sharing page
    ├── StatusError (also urllib.error.HTTPError, so URLError and OSError)
    │   ├── LoginNeededError       401
    │   ├── AccessDeniedError      403
    │   ├── NotFoundError          404 and 410
    │   ├── TooManyRequestsError   429
    │   └── ServerFailedError      500 and up
    └── FilesError
        ├── BadNameError (also ValueError)           no file can be called that
        ├── ChangedFileError (also OSError)          changed by somebody else meanwhile
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
    └── SavedCopyWarning           a kept copy stands in for the network

`combined` makes one of these also an exception of another library's own
hierarchy, as ``requests.exceptions.ConnectionError``.
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
    """A function was given a value that it cannot use. Every function may raise it."""


class NotInBrowserError(JeKernelError, RuntimeError):
    """Something was asked for that only a kernel in a browser can do."""


class UnavailableError(JeKernelError, NotImplementedError):
    """A program for a laptop or for Colab asked for something that a browser does not have."""


class MissingPartError(UnavailableError, AttributeError):
    """What stands in for a module of a laptop or of Colab does not have this part of it."""


class NoSocketError(UnavailableError, OSError):
    """A program asked for a connection of its own, which a browser gives to nobody."""


class DeadlockError(JeKernelError, RuntimeError):
    """A thread, or the cell itself, would wait for ever: nobody is left who could end it."""


class InstallError(JeKernelError, ValueError):
    """A package could not be installed."""


class PackageNotLoadedError(JeKernelError, ModuleNotFoundError):
    """The site brings the package of a module, but the package could not be loaded."""


class NetworkError(JeKernelError, URLError):
    """No answer came that Python may read.

    Parameters
    ----------
    text
        What happened, why, and what to do next.
    url
        The address that was asked for.
    reason
        What ordinary Python would have given as the cause.
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
    """An ``http://`` address was asked for by a page that came over ``https://``."""

    _errno = errno.EACCES
    _reason = PermissionError


class OfflineError(NetworkError):
    """There is no network at the moment."""

    _errno = errno.ENETUNREACH


class UnreachableError(NetworkError):
    """There is no such host, or nobody answers there."""

    _errno = errno.EHOSTUNREACH
    _reason = ConnectionError


class TimedOutError(NetworkError, TimeoutError):
    """The answer did not come in the time that was given."""

    _errno = errno.ETIMEDOUT
    _reason = TimeoutError


class BrokenOffError(NetworkError, ConnectionError):
    """The answer began to come and then stopped.

    Parameters
    ----------
    text
        What happened, why, and what to do next.
    url
        The address that was asked for.
    reason
        What ordinary Python would have given as the cause.
    partial
        The bytes that had come, as far as nobody had read them yet.
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
    """The address is none that a browser can ask for."""

    _errno = errno.EINVAL


class NotDataError(NetworkError):
    """A web page came where data was asked for."""


class SharingLinkError(NotDataError, ValueError):
    """The link leads to a page about the data and not to the data.

    Parameters
    ----------
    text
        What happened, why, and what to do next.
    url
        The link that was given.
    reason
        What ordinary Python would have given as the cause.
    link
        The link that works, where there is one.
    """

    def __init__(
        self, text: str, url: str = "", reason: OSError | None = None, link: str | None = None
    ) -> None:
        super().__init__(text, url, reason)
        self.link = link

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.text, self.url, self.reason, self.link)


class StatusError(JeKernelError, HTTPError):
    """The site answered, but with an error status.

    It is the `urllib.error.HTTPError` that ordinary Python raises: ``code``,
    ``headers`` and the body, by ``read()``, are there. Its text begins as that
    of ordinary Python and goes on to explain.

    Parameters
    ----------
    url
        The address that answered.
    code
        The status, as 404.
    msg
        The reason phrase, as ``"Not Found"``.
    hdrs
        The headers of the answer.
    fp
        The body of the answer.
    explanation
        Why that may be, and what to do next.
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
        # The body can be read only once: what is read for the copy is put back.
        body = b"" if self.closed else self.read()
        if not self.closed:
            self._put_back(body)
        headers = list(self.headers.items()) if self.headers is not None else []
        return _restore_status_error, (
            type(self),
            self.url,
            self.code,
            self.msg,
            headers,
            body,
            self.explanation,
        )

    def _put_back(self, body: bytes) -> None:
        fresh = type(self)(
            self.url, self.code, self.msg, self.headers, io.BytesIO(body), self.explanation
        )
        # What tempfile's wrapper has looked up once, it keeps: start from a clean one.
        self.__dict__.pop("read", None)
        self.__dict__.update(fresh.__dict__)


class LoginNeededError(StatusError):
    """401: the site wants to know who asks."""


class AccessDeniedError(StatusError):
    """403: the site refuses."""


class NotFoundError(StatusError):
    """404 or 410: the site has nothing at this address."""


class TooManyRequestsError(StatusError):
    """429: the site was asked too often."""


class ServerFailedError(StatusError):
    """500 and up: something is wrong on the site's side."""


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
        The status, as 404.

    Returns
    -------
    type of StatusError
        The class made for this status, or `StatusError` itself.

    Examples
    --------
    >>> status_error(404).__name__, status_error(503).__name__, status_error(418).__name__
    ('NotFoundError', 'ServerFailedError', 'StatusError')
    """
    if not isinstance(code, int):
        raise ArgumentError(f"A status is a whole number, such as 404, not {code!r:.60}.")
    return _STATUS_ERRORS.get(code, ServerFailedError if code >= 500 else StatusError)


def combined(error: NetworkError, base: type[Exception], **arguments: Any) -> NetworkError:
    """Make a network error that is also an exception of another library.

    Parameters
    ----------
    error
        What happened, as `je_kernel.net.error_messages.network_error` tells it.
    base
        What the other library would have raised.
    **arguments
        Further arguments of that exception, by name, as ``request=``.

    Returns
    -------
    NetworkError
        An error of a class that is both, with the text of the first. Where the
        error is of the other kind already, it is returned as it is.

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
    made = both.__new__(both, error.text)
    # The other library's part first: ours then has the last word on the text.
    base.__init__(made, error.text, **arguments)
    _, ours = error.__reduce__()
    type(error).__init__(made, *ours)
    for name, value in arguments.items():
        if getattr(made, name, None) is None:
            setattr(made, name, value)
    return made


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


def _restore_status_error(
    cls: type[StatusError],
    url: str,
    code: int,
    msg: str,
    headers: list[tuple[str, str]],
    body: bytes,
    explanation: str,
) -> StatusError:
    message = Message()
    for name, value in headers:
        message[name] = value
    return cls(url, code, msg, message, io.BytesIO(body), explanation)


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
    """A copy that was kept earlier stands in for an answer of the network."""
