"""How people type or paste what names a shared notebook, and what they mean."""

from __future__ import annotations

__all__ = ["NO_SHARE", "SPELLINGS"]

UUID = "0d3a9b1e-9c1b-4e4b-9a55-0b6f2e2e9f10"
# The first links have three words, and stay valid; new ones have four.
_OTTER = "brave-quiet-otter"
_FOUR = "calm-brave-quiet-otter"

# What is written; the id that is meant; the moment; the host.
SPELLINGS = (
    (UUID, UUID, None, None),
    (UUID.upper().replace("-", ""), UUID, None, None),
    (f" {{{UUID}}} ", UUID, None, None),
    (_OTTER, _OTTER, None, None),
    ("Brave quiet OTTER", _OTTER, None, None),
    ("\u201cBrave Quiet \u2013 Otter\u201d", _OTTER, None, None),
    ("brave_quiet_otter", _OTTER, None, None),
    ("brave, quiet, otter", _OTTER, None, None),
    ("Brave; quiet; otter!", _OTTER, None, None),
    ("brave - quiet - otter", _OTTER, None, None),
    ("(brave quiet otter)", _OTTER, None, None),
    ("'brave-quiet-otter'.", _OTTER, None, None),
    ("\u00a0brave\u00a0quiet\u00a0otter\n", _OTTER, None, None),
    ("brave.quiet.otter", _OTTER, None, None),
    ("**brave quiet otter**", _OTTER, None, None),
    (f"https://x.org:8/s/{_OTTER}?at=2026", _OTTER, "2026", "x.org:8"),
    ("https://x.org/lab/index.html?path=a&notebook=Brave-quiet-otter#top", _OTTER, None, "x.org"),
    ("https://x.org/?notebook=brave%20quiet%20otter", _OTTER, None, "x.org"),
    (f"http://me@x.org/api/v1/notebooks/{UUID}", UUID, None, "x.org"),
    (f"<https://x.org/s/{_OTTER}>", _OTTER, None, "x.org"),
    (f"https://x.org/s/{_OTTER}.", _OTTER, None, "x.org"),
    (f"(see https://x.org/s/{_OTTER})", _OTTER, None, "x.org"),
    (f"My homework:\nhttps://x.org/s/{_OTTER}\nMia", _OTTER, None, "x.org"),
    (f"HTTPS://X.ORG/s/{_OTTER}/", _OTTER, None, "x.org"),
    (f"x.org/s/{_OTTER}", _OTTER, None, "x.org"),
    (f"127.0.0.1:8000/s/{_OTTER}", _OTTER, None, "127.0.0.1:8000"),
    (f"share.school.example/s/{_OTTER}?at=2026,", _OTTER, "2026", "share.school.example"),
    (f"x.org/lab/index.html?notebook={_OTTER}", _OTTER, None, "x.org"),
    (_FOUR, _FOUR, None, None),
    ("Calm, brave, quiet \u2013 OTTER!", _FOUR, None, None),
    ("https://x.org/?notebook=calm%20brave%20quiet%20otter", _FOUR, None, "x.org"),
    (f"My homework:\nhttps://x.org/s/{_FOUR}?at=2026\nMia", _FOUR, "2026", "x.org"),
)

NO_SHARE = (
    "",
    "  ",
    "...",
    "https://x.org/s/",
    "https://x.org/s/../../secret",
    "https://x.org/",
    "javascript:steal()",
    "../../etc/passwd",
    "a/b/c",
    "https://[x/s/brave-quiet-otter",
)
