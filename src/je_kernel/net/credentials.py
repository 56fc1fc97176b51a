"""Find and redact secrets in requests: logins, keys, tokens and signatures.

One definition for the whole package. The relay and the response cache refuse requests
with a secret (`secret_in`); the scan before a share searches addresses and headers for
one (`secrets_of_url`, `names_secret`, `KEYS`); displayed addresses and texts are redacted
(`redact_url`, `redact_text`).

A secret is recognised by its name (``api_key``, ``X-Amz-Signature``, ``Authorization``)
or by a value that looks like a token. Names that are often harmless (``key``, ``appid``,
``code``) count only with a value that looks like a key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_kernel.net.message import Request

__all__ = [
    "KEYS",
    "is_key",
    "names_secret",
    "redact_text",
    "redact_url",
    "secret_in",
    "secrets_of_url",
]

KEYS = re.compile(
    r"(?<![\w-])(?:"
    r"sk-[\w-]{20,}|[sr]k_(?:live|test)_\w{16,}|A[KS]IA[0-9A-Z]{16}|AIza[\w-]{35}"
    r"|gh[pousr]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}|xox[abeoprs]-[\w-]{10,}"
    r"|hf_[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{40,}|r8_[A-Za-z0-9]{37,}|npm_[A-Za-z0-9]{36}"
    r"|pypi-[\w-]{50,}|GOCSPX-[\w-]{20,}|ya29\.[\w-]{30,}|(?:bot)?\d{8,10}:AA[\w-]{33}"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"
    r")(?![\w-])"
    r"|(?<=discord\.com/api/webhooks/)\d{15,}/[\w-]{30,}"
    r"|(?<=hooks\.slack\.com/services/)[\w/]{30,}"
)
"""Values in the formats of well-known keys and tokens."""

_SEPARATORS = re.compile(r"[\s_.$-]+")
# Endings of names without separators: x_api_key, X-Amz-Signature, Ocp-Apim-Subscription-Key.
_SECRET_ENDINGS = (
    *("apikey", "appkey", "accesskey", "accesskeyid", "secretkey", "privatekey", "authkey"),
    *("subscriptionkey", "registrationkey", "licensekey", "userkey", "keypairid", "accessid"),
    *("token", "secret", "password", "passwd", "passphrase", "pwd", "signature", "credential"),
    *("credentials", "sessionid", "sessid", "authorization", "cookie", "apisig", "authcode"),
)
_SECRET_NAMES = frozenset(
    {"sig", "auth", "pass", "pw", "hmac", "jwt", "bearer", "hdnts", "hdnea", "hdntl", "sign"}
)
# Positions in a list: harmless.
_PLACES_IN_A_LIST = (
    *("pagetoken", "nexttoken", "prevtoken", "continuationtoken", "resumptiontoken"),
    *("synctoken", "cursortoken", "starttoken", "maxtoken"),
)
_OFTEN_HARMLESS = frozenset({"key", "code", "appid", "clientid", "sid", "ticket", "session"})
# The "key" of a published spreadsheet is its id.
_KEY_NAMES_A_DOCUMENT = frozenset({"docs.google.com", "spreadsheets.google.com"})
# Values that sites publish in their instructions.
_FOR_EVERYBODY = frozenset({"", "demo", "demo_key", "none", "null", "false", "true", "…"})
_SHORTEST_KEY = 8
_SURELY_KEY = 20
_DEPTH = 3
_HIDDEN = "…"

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,20}:/{1,3}|https?:", re.IGNORECASE)
_END_OF_HOST = re.compile(r"[/?#\\\s]")
_PAIR = re.compile(r"(?<=[?&;#])(?P<name>[^?&;#=]*)=(?P<value>[^&;#]*)")
_ADDRESS = re.compile(
    r"(?<![a-z0-9+.-])(?:https?:|[a-z][a-z0-9+.-]{1,20}:/)[^\s<>\"'`]+", re.IGNORECASE
)
_IN_HEADER = re.compile(
    r"\b(?P<name>(?:bearer|basic|token)\s{1,3})(?P<secret>[\w.~+/=-]{8,})", re.IGNORECASE
)
_NAMED = re.compile(
    r"(?<![\w$.-])(?P<name>[\w$.-]{2,60})(?P<between>[\"']?\s{0,3}[=:]\s{0,3})"
    r"(?P<value>\"[^\"\n]{0,300}\"|'[^'\n]{0,300}'|[^\s\"'&;,)\]}]+)"
)


def is_key(text: str) -> bool:
    """Return whether a text has digits and letters, as a key has and a word or a number has not.

    Examples
    --------
    >>> is_key("8f7d6a5b4c3e2f1a"), is_key("population"), is_key("440")
    (True, False, False)
    """
    return any(c.isdigit() for c in text) and any(c.isalpha() for c in text)


def names_secret(name: str, value: str) -> bool:
    """Return whether a parameter or a header of this name and value is a secret.

    Parameters
    ----------
    name
        The name, in any spelling: ``api_key``, ``apiKey``, ``X-API-Key``.
    value
        The value.

    Examples
    --------
    >>> names_secret("X-API-Key", "abc"), names_secret("appid", "8f7d6a5b4c3e2f1a")
    (True, True)
    >>> names_secret("page", "2"), names_secret("appid", "440"), names_secret("api_key", "DEMO_KEY")
    (False, False, False)
    """
    if value.strip().lower() in _FOR_EVERYBODY:
        return False
    # In auth[token], both names count.
    for part in (name, *name.replace("]", "").split("[")):
        plain = _SEPARATORS.sub("", part.lower())
        if plain in _SECRET_NAMES:
            return True
        if plain.endswith(_SECRET_ENDINGS) and not plain.endswith(_PLACES_IN_A_LIST):
            return True
        if plain in _OFTEN_HARMLESS and _may_be_key(value):
            return True
    return bool(KEYS.search(value))


def _may_be_key(value: str) -> bool:
    if len(value) >= _SURELY_KEY and value.isalnum():
        return True
    return len(value) >= _SHORTEST_KEY and is_key(value)


def secrets_of_url(url: str) -> Iterator[tuple[str, str]]:
    """Yield the secrets in an address: the name and the value of each, as they are written.

    The search covers the login before the host, the path, the query, the fragment, and
    addresses within these.

    Parameters
    ----------
    url
        Any address, whole or in part.

    Examples
    --------
    >>> list(secrets_of_url("https://a.org/x?page=2&api%5Fkey=1a2b"))
    [('api_key', '1a2b')]
    >>> list(secrets_of_url("https://mia:pw@a.org/x"))
    [('login', 'mia:pw')]
    """
    for place in _places(url, _DEPTH):
        yield place.name, place.secret


class _Place(NamedTuple):
    """A secret in an address, and the span to redact."""

    name: str
    secret: str
    begin: int
    end: int


def _places(url: str, depth: int) -> list[_Place]:
    places, host, after_host = _login_of(url)
    for match in _PAIR.finditer(url, after_host):
        name, value = unquote_plus(match["name"]), unquote_plus(match["value"])
        if name == "key" and host in _KEY_NAMES_A_DOCUMENT:
            continue
        inner = _places(value, depth - 1) if depth and ":" in value else []
        if names_secret(name, value):
            places.append(_Place(name, match["value"], *match.span("value")))
        elif inner:
            places.append(_Place(inner[0].name, inner[0].secret, *match.span("value")))
    if not places:
        # In a path, as https://api.telegram.org/bot123:AA…/getMe
        matches = KEYS.finditer(url, after_host)
        places.extend(_Place("key", match.group(), *match.span()) for match in matches)
    if not places and "%" in url and (hidden := KEYS.search(unquote(url))):
        places.append(_Place("key", hidden.group(), after_host, len(url)))
    return places


def _login_of(url: str) -> tuple[list[_Place], str, int]:
    """Return the login of an address, its host, and the end of the host."""
    scheme = _SCHEME.search(url)
    if scheme is None or "?" in url[: scheme.start()]:
        return [], "", 0
    begin = scheme.end()
    ended = _END_OF_HOST.search(url, begin)
    end = ended.start() if ended else len(url)
    at = url.rfind("@", begin, end)
    if at < 0:
        return [], url[begin:end].lower(), end
    return [_Place("login", url[begin:at], begin, at)], url[at + 1 : end].lower(), end


def secret_in(request: Request) -> str | None:
    """Describe the first secret in a request; None if there is none.

    Parameters
    ----------
    request
        The request.

    Returns
    -------
    str or None
        A description without the secret itself.

    Examples
    --------
    >>> from je_kernel.net.message import Request
    >>> secret_in(Request("GET", "https://a.org/x?appid=8f7d6a5b4c3e2f1a"))
    "a key in the address ('appid')"
    >>> secret_in(Request("GET", "https://a.org/x", (("Cookie", "a=b"),)))
    "the header 'Cookie'"
    >>> secret_in(Request("GET", "https://a.org/x?page=2&format=csv"))
    """
    for name, _ in secrets_of_url(request.url):
        return "a login in the address" if name == "login" else f"a key in the address ({name!r})"
    for name, value in request.headers:
        if names_secret(name, value) or _IN_HEADER.search(value):
            return f"the header {name!r}"
    if request.credentials:
        return "cookies"
    # A body is about its sender.
    return None if request.body is None else "data that is sent"


def redact_url(url: str) -> str:
    """Return an address without its login, and with ``…`` for each secret in it.

    Parameters
    ----------
    url
        Any address, also an invalid one.

    Examples
    --------
    >>> redact_url("https://me:secret@example.com/a.csv?page=2&api_key=1a2b")
    'https://example.com/a.csv?page=2&api_key=…'
    """
    parts, end = [], 0
    for place in _places(url, _DEPTH):
        is_login = place.name == "login"
        parts += [url[end : place.begin], "" if is_login else _HIDDEN]
        end = place.end + is_login  # the @ after a login goes too
    return KEYS.sub(_HIDDEN, "".join(parts) + url[end:])


def redact_text(text: str) -> str:
    """Return a text with ``…`` for each secret in it.

    Parameters
    ----------
    text
        An error message, a setting, a log message.

    Examples
    --------
    >>> redact_text("GET https://a.org/x?token=1a2b failed (Authorization: Bearer abcdefgh1)")
    'GET https://a.org/x?token=… failed (Authorization: … …)'
    """
    text = _ADDRESS.sub(lambda match: redact_url(match.group()), text)
    text = _IN_HEADER.sub(_header_hidden, text)
    return KEYS.sub(_HIDDEN, _NAMED.sub(_named_hidden, text))


def _header_hidden(match: re.Match[str]) -> str:
    secret = match["secret"]
    # "Basic statistics" is no login.
    is_random = any(c.isdigit() or c.isupper() for c in secret[1:])
    return match["name"] + _HIDDEN if is_random else match.group()


def _named_hidden(match: re.Match[str]) -> str:
    if not names_secret(match["name"], match["value"].strip("\"'")):
        return match.group()
    return match["name"] + match["between"] + _HIDDEN
