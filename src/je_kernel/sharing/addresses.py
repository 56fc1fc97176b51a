"""The address of the service, the links of shares, and parsing of links and ids."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlsplit

from je_kernel.arguments import check_text

__all__ = ["Reference", "Service", "reference_of", "spoken"]

_API = "/api/v1"
_LINK = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_LINK_INSIDE = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
# The dashes that phones put for a hyphen, and the punctuation of dictation.
_GAPS = re.compile(r"[\s_\-\u2010-\u2015.,;!?]+")
# Quotes, brackets and punctuation that are copied along with an id or a link.
_AROUND = "<>()[]{}*`'\"\u2018\u2019\u201a\u201c\u201d\u201e«»\u2039\u203a,;:.!?…"
_ADDRESS = re.compile(r"[\w.-]+(?::\d+)?/")
_WORDS_OF_AN_ID = 3


@dataclass(frozen=True)
class Service:
    """A sharing service.

    Parameters
    ----------
    root
        Its address, without ``/api/v1`` and without a slash at the end.
    link
        The pattern of a share's link, with ``{id}`` for its readable id.

    Examples
    --------
    >>> service = Service.at("https://share.school.example/api/v1/")
    >>> service.link_to("brave-quiet-otter")
    'https://share.school.example/s/brave-quiet-otter'
    >>> service.call("notebooks", "1b4e")
    'https://share.school.example/api/v1/notebooks/1b4e'
    """

    root: str
    link: str

    @classmethod
    def at(cls, url: str, link: str | None = None) -> Service:
        """Return the service at an address.

        Parameters
        ----------
        url
            The service's address, with or without ``/api/v1``.
        link
            The pattern of a share's link; by default the service's view page.
        """
        root = url.rstrip("/").removesuffix(_API).rstrip("/")
        return cls(root, link or root + "/s/{id}")

    def call(self, *parts: str) -> str:
        """Return the URL of an API call, from the parts of its path."""
        return "/".join((self.root + _API, *(quote(part, safe="") for part in parts)))

    def link_to(self, readable_id: str) -> str:
        """Return the link of a share."""
        return self.link.replace("{id}", quote(readable_id, safe=""))


@dataclass(frozen=True)
class Reference:
    """A reference to a share, parsed from text.

    Parameters
    ----------
    uuid
        Its UUID, or None if it was named by its readable id.
    candidates
        The possible readable ids, the likeliest first.
    at
        The time of the version, or None for the latest.
    host
        The host of the link, or None if the text is not a link.
    """

    uuid: str | None = None
    candidates: tuple[str, ...] = ()
    at: str | None = None
    host: str | None = None


def reference_of(text: str) -> Reference | None:
    """Parse an id or a link of a share that somebody typed or pasted.

    Parameters
    ----------
    text
        A UUID, a readable id as it is spoken or written, or a link.

    Returns
    -------
    Reference or None
        None if the text is none of these.

    Examples
    --------
    >>> reference_of("Brave quiet OTTER").candidates
    ('brave-quiet-otter',)
    >>> reference_of("https://school.example/lab/index.html?notebook=brave-quiet-otter").candidates
    ('brave-quiet-otter',)
    >>> reference_of("0D3A9B1E-9C1B-4E4B-9A55-0B6F2E2E9F10").uuid
    '0d3a9b1e-9c1b-4e4b-9a55-0b6f2e2e9f10'
    """
    check_text(text, "The link or its words", "brave quiet otter")
    inside = _LINK_INSIDE.search(text)  # the link in a whole message
    text = (inside.group() if inside else text).strip().strip(_AROUND).strip()
    if _ADDRESS.match(text):  # a link without its scheme
        text = f"https://{text}"
    return _of_link(text) if _LINK.match(text) else _of_id(text)


def _of_link(text: str) -> Reference | None:
    try:
        parts = urlsplit(text)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return None
    query = parse_qs(parts.query)
    named = query.get("notebook") or _named_in(parts.path)
    reference = _of_id(named[0]) if named else None
    if reference is None:
        return None
    at = query.get("at", [None])[0]
    return Reference(reference.uuid, reference.candidates, at, host)


def _named_in(path: str) -> list[str]:
    """Return the id in the path of a view page or of a call, if there is one."""
    parts = [unquote(part) for part in path.split("/") if part]
    for before in ("get-by-readable-id", "update-by-readable-id", "notebooks", "s"):
        if before in parts[:-1]:
            return [parts[parts.index(before) + 1]]
    return []


def _of_id(text: str) -> Reference | None:
    text = text.strip()
    try:
        return Reference(uuid=str(uuid.UUID(text)))
    except ValueError:
        pass
    words = [word for word in _GAPS.split(text.casefold()) if word]
    if not words or not all(word.isalnum() for word in words):
        return None
    # Some services have animals of two words, such as "sea lion", with a space between.
    before, animal = words[: _WORDS_OF_AN_ID - 1], words[_WORDS_OF_AN_ID - 1 :]
    spaced = "-".join((*before, " ".join(animal)) if animal else before)
    return Reference(candidates=tuple(dict.fromkeys(("-".join(words), spaced))))


def spoken(readable_id: str) -> str:
    """Return a readable id as it is spoken.

    Examples
    --------
    >>> spoken("brave-quiet-otter")
    'brave quiet otter'
    """
    return " ".join(_GAPS.split(readable_id)).strip()
