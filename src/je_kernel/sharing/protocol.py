"""The protocol of a sharing service: tokens, retries, and the meaning of each response.

`Protocol` sends requests, waits and keeps the token by functions that it is given, so that a test
can answer as any service does. The contract is that of the Jupyter Everywhere sharing service, 0.8.
"""

from __future__ import annotations

import email.utils
import json
import random
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from je_kernel import errors, runtime
from je_kernel.net.message import Request, Response
from je_kernel.sharing import service_requests
from je_kernel.sharing.errors import (
    InvalidNotebookError,
    NoSuchShareError,
    NotYourShareError,
    ServiceRefusedError,
    TakenDownError,
    TooLargeError,
    UnreachableServiceError,
)
from je_kernel.sharing.tokens import Token

if TYPE_CHECKING:
    from collections.abc import Callable

    from je_kernel.sharing.addresses import Reference, Service

__all__ = ["Ids", "Protocol", "Retrieved", "token_in"]

_ATTEMPTS = 4
_FIRST_PAUSE = 0.5  # seconds; twice as long after each attempt
_LONGEST_WAIT = 20.0  # seconds; the longest Retry-After that a cell waits for
_TIMEOUT = 60.0  # seconds of silence
_YEAR_3000 = 32_503_680_000
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_UNAUTHORISED = frozenset({401, 403})

# Not retryable.
_LASTING = (
    errors.OfflineError,
    errors.SiteForbidsError,
    errors.InsecureAddressError,
    errors.BadAddressError,
    errors.NotDataError,
)


@dataclass(frozen=True)
class Ids:
    """The ids of a shared notebook.

    Parameters
    ----------
    id
        Its UUID.
    readable_id
        The id in words.
    kept_until
        When the service deletes it, in seconds since 1970, or None if it does not say.
    """

    id: str
    readable_id: str
    kept_until: float | None = None


@dataclass(frozen=True)
class Retrieved:
    """A shared notebook, as the service returns it."""

    ids: Ids
    content: dict[str, Any]


@dataclass
class Protocol:
    """A client of one service.

    Parameters
    ----------
    service
        The service.
    token
        The token to begin with, if there is one.
    send
        Sends a request and returns the response, or raises an `OSError` if there is none.
    keep_token
        Keeps a new token. It is called before the token is used: a refreshed token makes the
        one before it invalid.
    kept_token
        Returns the token that is kept now: another kernel may have refreshed it since, and a
        service ends a session if its old token is used again.
    pause
        Waits for some seconds.
    clock
        Returns this computer's time in seconds.
    chance
        Returns a random number from 0 to 1.

    Examples
    --------
    >>> from je_kernel.sharing.addresses import Reference, Service
    >>> def send(request):
    ...     return Response(403, "", request.url, (), b"{}")
    >>> protocol = Protocol(Service.at("https://share.example"), send=send)
    >>> protocol.retrieve(Reference(candidates=("brave-quiet-otter",)))
    Traceback (most recent call last):
    je_kernel.sharing.errors.ServiceRefusedError: The sharing service https://share.example...
    """

    service: Service
    token: Token | None = None
    send: Callable[[Request], Response] = field(default=service_requests.send, repr=False)
    keep_token: Callable[[Token | None], None] = field(default=lambda _: None, repr=False)
    kept_token: Callable[[], Token | None] = field(default=lambda: None, repr=False)
    pause: Callable[[float], None] = field(default=runtime.pause, repr=False)
    clock: Callable[[], float] = field(default=time.time, repr=False)
    chance: Callable[[], float] = field(default=random.random, repr=False)

    # Requests of the API ----------------------------------------------------

    def create(self, notebook: bytes, password: str) -> Ids:
        """Create a share.

        Parameters
        ----------
        notebook
            Its JSON, in UTF-8.
        password
            The password with which a later session can change the share.

        Returns
        -------
        Ids
            Its ids.
        """
        body = b'{"notebook":%b,"password":%b}' % (notebook, json.dumps(password).encode())
        url = self.service.call("notebooks")
        response = self._authorised("POST", url, body)
        return self._ids(response, len(notebook))

    def update(self, notebook_id: str, notebook: bytes, password: str) -> Ids:
        """Update a share, whose link stays the same.

        Parameters
        ----------
        notebook_id
            The UUID of the share.
        notebook
            The notebook's JSON, in UTF-8.
        password
            The share's password, or ``""``.

        Raises
        ------
        NoSuchShareError
            If the service no longer has it.
        NotYourShareError
            If neither the session nor the password may change it.
        """
        response = self._as_owner("PUT", notebook_id, notebook, password)
        return self._ids(response, len(notebook))

    def delete(self, notebook_id: str, password: str) -> None:
        """Delete a share, with its history.

        Parameters
        ----------
        notebook_id
            The UUID of the share.
        password
            The share's password, or ``""``.

        Raises
        ------
        NotYourShareError
            If neither the session nor the password may delete it.
        ServiceRefusedError
            If the service does not support deletion, as Jupyter Everywhere's.
        """
        response = self._as_owner("DELETE", notebook_id, None, password)
        if not (200 <= response.status < 300 or _has_none(response)):
            raise self._refusal(response)

    def retrieve(self, reference: Reference) -> Retrieved:
        """Get a shared notebook.

        Parameters
        ----------
        reference
            The share.

        Raises
        ------
        NoSuchShareError
            If the service has no share of this id.
        """
        query = f"?at={quote(reference.at, safe='')}" if reference.at else ""
        for url in self._addresses(reference):
            response = self._authorised("GET", url + query, None)
            if not _has_none(response):
                return self._retrieved(response)
        raise NoSuchShareError(self._nothing_there(reference))

    def _as_owner(
        self, method: str, notebook_id: str, body: bytes | None, password: str
    ) -> Response:
        """Change a share, as its session or with its password."""
        url = self.service.call("notebooks", notebook_id)
        if password and self._has_no_session():
            self._unlock(notebook_id, password)
        response = self._authorised(method, url, body)
        if response.status in _UNAUTHORISED and password:
            if not self._unlock(notebook_id, password):
                raise _not_yours()
            response = self._authorised(method, url, body)
        if response.status in _UNAUTHORISED:
            raise _not_yours()
        return response

    # Tokens -----------------------------------------------------------------

    def _has_no_session(self) -> bool:
        return self.token is None or self.token.expired(self.clock())

    def _authorised(self, method: str, url: str, body: bytes | None) -> Response:
        """Send a request with a valid token."""
        token = self._good_token()
        response = self._send(_request(method, url, body, token))
        if response.status == 403:  # the contract's answer to an invalid token
            token = self._renewed(token)
            response = self._send(_request(method, url, body, token))
        return response

    def _good_token(self) -> Token:
        token = self.token
        if token is None or token.expired(self.clock()):
            return self._issued()
        if token.ending(self.clock()):
            return self._renewed(token)
        return token

    def _renewed(self, token: Token) -> Token:
        """Exchange a token for a new one of the same session, or else open a new session."""
        if (newer := self._newer_than(token)) is not None:
            return newer
        body = json.dumps({"token": token.text}).encode()
        response = self._send(_request("POST", self.service.call("auth", "refresh"), body))
        text = token_in(response)
        if text is not None:
            return self._keep(text)
        return self._newer_than(token) or self._issued()

    def _newer_than(self, token: Token) -> Token | None:
        """Return the valid token that another kernel has received since, if there is one."""
        kept = self.kept_token()
        now = self.clock()
        if kept is None or kept.text == token.text or kept.expired(now) or kept.ending(now):
            return None
        self.token = kept
        return kept

    def _issued(self) -> Token:
        """Open a session."""
        url = self.service.call("auth", "issue")
        response = self._send(_request("POST", url, b""))
        text = token_in(response)
        if text is None:
            raise self._nonsense(response) if response.status == 404 else self._refusal(response)
        return self._keep(text)

    def _unlock(self, notebook_id: str, password: str) -> bool:
        """Open a session that may change one share, by its password."""
        body = json.dumps({"notebook_id": notebook_id, "password": password}).encode()
        url = self.service.call("auth", "issue")
        response = self._send(_request("POST", url, body))
        text = token_in(response)
        if text is None and response.status in _UNAUTHORISED:
            return False
        if text is None:
            raise self._refusal(response)
        self._keep(text)
        return True

    def _keep(self, text: str) -> Token:
        token = self.token = Token.of(text, self.clock())
        self.keep_token(token)
        return token

    # HTTP --------------------------------------------------------------------

    def _send(self, request: Request) -> Response:
        """Send a request, with retries."""
        for attempt in range(1, _ATTEMPTS + 1):
            pause = _FIRST_PAUSE * 2 ** (attempt - 1) * (0.5 + self.chance())
            try:
                response = self.send(request)
            except OSError as error:
                if attempt == _ATTEMPTS or isinstance(error, _LASTING):
                    raise self._unreachable(error) from error
            else:
                if response.status not in _BUSY:
                    return response
                delay = _retry_after(response, self.clock())
                if attempt == _ATTEMPTS or (delay or 0) > _LONGEST_WAIT:
                    raise self._busy(response, delay)
                pause = max(pause, delay or 0)
            self.pause(pause)
        raise AssertionError("the last attempt returns or raises")

    def _addresses(self, reference: Reference) -> list[str]:
        if reference.uuid is not None:
            return [self.service.call("notebooks", reference.uuid)]
        return [
            self.service.call("notebooks", "get-by-readable-id", candidate)
            for candidate in reference.candidates
        ]

    def _ids(self, response: Response, size: int) -> Ids:
        if not 200 <= response.status < 300:
            raise self._refusal(response, size)
        ids = _ids_in(_json_of(response).get("notebook"))
        if ids is None:
            raise self._nonsense(response)
        return replace(ids, kept_until=_date_in(response, "sunset"))

    def _retrieved(self, response: Response) -> Retrieved:
        if not 200 <= response.status < 300:
            raise self._refusal(response)
        answer = _json_of(response)
        ids, content = _ids_in(answer), answer.get("content")
        if ids is None or not isinstance(content, dict):
            raise self._nonsense(response)
        return Retrieved(ids, content)

    # Errors -----------------------------------------------------------------

    def _unreachable(self, error: OSError) -> UnreachableServiceError:
        return UnreachableServiceError(
            f"The sharing service {self.service.root} cannot be reached. {_why(error)}"
        )

    def _busy(self, response: Response, delay: float | None) -> UnreachableServiceError:
        when = f"in {_in_words(delay)}" if delay else "in a few minutes"
        what = (
            "received too many requests"
            if response.status == 429
            else f"has a problem at the moment (it answers {response.status})"
        )
        return UnreachableServiceError(
            f"The sharing service {self.service.root} {what}. Try again {when}."
        )

    def _nonsense(self, response: Response) -> UnreachableServiceError:
        return UnreachableServiceError(
            f"{self.service.root} answered ({response.status}), but not as a sharing service does. "
            "Perhaps the network wants you to log in first: open any page in a new browser tab, "
            "then try again. Or the site has a wrong address for its service."
        )

    def _refusal(self, response: Response, size: int = 0) -> Exception:
        """Return the error for a response that is not a success."""
        answer = _json_of(response)
        message = answer.get("message")
        reason = f" It says: {message}" if isinstance(message, str) and message else ""
        if response.status == 404 and answer:
            return NoSuchShareError(f"The sharing service no longer has this notebook.{reason}")
        if response.status == 410 and answer:
            return TakenDownError(
                f"This notebook was taken down by whoever runs the sharing service "
                f"{self.service.root}. Nobody can open, update or share it there any more. If you "
                "think that this is a mistake, tell your teacher or whoever runs this site. Your "
                "own file stays as it is: to hand it in, right-click it in the list of files and "
                "choose Download."
            )
        if response.status == 413:
            limit = _limit_in(answer.get("details"))
            return TooLargeError(_too_large(limit, size), limit)
        if response.status == 422 or (response.status == 400 and size):
            return InvalidNotebookError(
                f"The sharing service does not take this notebook.{reason} "
                "Save it in JupyterLab once more and share it again."
            )
        if response.status < 400 or response.status == 404:
            return self._nonsense(response)
        return ServiceRefusedError(
            f"The sharing service {self.service.root} refuses ({response.status}).{reason}",
            response.status,
        )

    def _nothing_there(self, reference: Reference) -> str:
        name = reference.uuid or reference.candidates[0]
        text = f"There is no shared notebook {name!r} at {self.service.root}."
        if reference.host and reference.host not in self.service.root + self.service.link:
            return (
                f"{text} The link is of {reference.host}, which is not this site's sharing "
                "service: open it in a browser tab instead."
            )
        return (
            f"{text} Check the words letter by letter. If they are right, the notebook was "
            "deleted or has expired: ask whoever shared it to share it again."
        )


def _why(error: OSError) -> str:
    """Return the cause of a failure, in words that fit the service's address."""
    if isinstance(error, errors.OfflineError):
        return "There is no connection to the internet at the moment. Check the Wi-Fi."
    if isinstance(error, errors.SiteForbidsError):
        return (
            "It answers, but does not let this site use it. Only its operator can change that, by "
            "putting this site's address on the service's list (CORS)."
        )
    if isinstance(error, errors.InsecureAddressError):
        return "Its address begins with http://, and this page came over https://."
    if isinstance(error, errors.NetworkError):
        return "Check the Wi-Fi, or try again a little later."
    return f"Check the network, or try again a little later ({error})."


def _request(method: str, url: str, body: bytes | None, token: Token | None = None) -> Request:
    headers = [("Accept", "application/json")]
    if body is not None:
        headers.append(("Content-Type", "application/json"))
    if token is not None:
        headers.append(("Authorization", f"Bearer {token.text}"))
    return Request(method, url, tuple(headers), body, _TIMEOUT)


def _json_of(response: Response) -> dict[str, Any]:
    """Return the JSON object of a response; an empty one if it has none."""
    try:
        answer = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _has_none(response: Response) -> bool:
    """Return whether the service itself, and no proxy, says that there is no such id."""
    return response.status in (400, 404) and bool(_json_of(response))


def token_in(response: Response) -> str | None:
    """Return the token of a response, or None if it has no valid one."""
    token = _json_of(response).get("token") if 200 <= response.status < 300 else None
    # A token is printable ASCII; other characters could forge a header.
    usable = isinstance(token, str) and token.isascii() and token.isprintable()
    return token.strip() or None if usable else None  # type: ignore[union-attr]


def _ids_in(answer: Any) -> Ids | None:
    if not isinstance(answer, dict):
        return None
    notebook_id, readable_id = answer.get("id"), answer.get("readable_id")
    if not isinstance(notebook_id, str) or not notebook_id:
        return None
    return Ids(notebook_id, readable_id if isinstance(readable_id, str) else notebook_id)


def _retry_after(response: Response, now: float) -> float | None:
    """Return the seconds of a ``Retry-After`` header, which has a number or a date."""
    text = (response.header("retry-after") or "").strip()
    if text.isdecimal():
        return float(text)
    moment = _date_in(response, "retry-after")
    if moment is None:
        return None
    # Relative to the service's clock, which may differ from this computer's.
    service_time = _date_in(response, "date")
    return max(0.0, moment - (now if service_time is None else service_time))


def _date_in(response: Response, name: str) -> float | None:
    """Return the date in a header, in seconds since 1970."""
    try:
        moment = email.utils.parsedate_to_datetime(response.header(name) or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if 0 <= moment < _YEAR_3000 else None


def _in_words(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{-(-seconds // 60):.0f} minutes"


def _limit_in(details: Any) -> int | None:
    limit = details.get("maxSizeBytes") if isinstance(details, dict) else None
    return limit if isinstance(limit, int) else None


def _too_large(limit: int | None, size: int) -> str:
    allowed = f", and it takes {limit / 1_000_000:.1f} MB" if limit is not None else ""
    return (
        f"This notebook is too large for the sharing service: it has {size / 1_000_000:.1f} MB"
        f"{allowed}. Share it with clear_outputs=True, or clear the outputs of its largest cells."
    )


def _not_yours() -> NotYourShareError:
    return NotYourShareError(
        "This shared notebook belongs to another session, and only that one may change it."
    )
