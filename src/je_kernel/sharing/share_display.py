"""The results of `je_kernel.share`: a card in the notebook, text elsewhere.

The card is plain HTML with the link in a field that a click selects: it works with
and without scripts, wherever the notebook is opened. If the front end trusts the
output of a cell that has just run, as JupyterLab does, a short script adds a button
that copies the link.
"""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from je_kernel import javascript
from je_kernel.sharing.addresses import spoken

__all__ = ["SET_ASIDE", "UNREMEMBERED", "NotShared", "Retried", "Revoked", "Share"]

_HEADINGS = {
    "new": "Shared",
    "updated": "Shared again, under the same link",
    "unchanged": "Shared before, and nothing has changed since",
    "replaced": "Shared again, under a new link",
}
_SNAPSHOT = (
    "The link shows the notebook as it was saved then. Others see later changes only when you "
    "share again."
)
_REPLACED = "The earlier link can no longer be updated from here: hand out this one."
_NOTHING_WAITED = "Nothing waits to be shared."
UNREMEMBERED = (
    "The link works, but this browser had no room to remember it: once this notebook is closed, it "
    "can no longer be updated or revoked from here. Delete what you do not need from the list "
    "of files, then run je_kernel.share() again."
)
SET_ASIDE = (
    "The record of earlier shares is damaged. Earlier links still work, but may no "
    "longer be updated from here. The damaged file is kept as {file}."
)
_UNSAVED = (
    "This notebook has changes that were not saved, and they are not in the link. Save it (Ctrl+S, "
    "or Command+S on a Mac) and run je_kernel.share() again."
)


@dataclass(frozen=True)
class Share:
    """A notebook that was shared.

    Parameters
    ----------
    link
        The link to hand out.
    id
        The notebook's UUID at the service.
    readable_id
        Its id in words, as in the link.
    taken
        When the state that the link shows was shared, in seconds since 1970.
    notebook
        The notebook's path.
    title
        Its title, if it has one.
    how
        ``"new"``, ``"updated"``, ``"unchanged"``, or ``"replaced"`` when the
        earlier share could not be updated and this one replaces it.
    unsaved
        Whether the notebook is known to have changes that are not in the link.
    kept_until
        When the service deletes it, in seconds since 1970, if the service says so.
    problems
        Sentences about state that could not be saved.
    others
        The results of the notebooks in the queue.
    """

    link: str
    id: str
    readable_id: str
    taken: float
    notebook: str = ""
    title: str = ""
    how: str = "new"
    unsaved: bool = False
    kept_until: float | None = None
    problems: tuple[str, ...] = ()
    others: tuple[Share | NotShared, ...] = field(default=(), repr=False)

    @property
    def words(self) -> str:
        """The readable id, as it is spoken."""
        return spoken(self.readable_id)

    def __str__(self) -> str:
        return self.link

    def __repr__(self) -> str:
        lines = [
            f"{_HEADINGS[self.how]}: {self.link}",
            f"In words: {self.words}",
            f"As of {_moment(self.taken)}. {_SNAPSHOT}{self._keeping()}",
            *self._notes(),
            *(_briefly(other) for other in self.others),
        ]
        return "\n".join(lines)

    def _notes(self) -> list[str]:
        notes = [_REPLACED] * (self.how == "replaced") + [_UNSAVED] * self.unsaved
        return [*notes, *self.problems]

    def _keeping(self) -> str:
        if self.kept_until is None:
            return ""
        day = _moment(self.kept_until).partition(" ")[0]
        return f" It is kept until {day}, and longer if you share it again before."

    def _repr_html_(self) -> str:
        link, words = html.escape(self.link), html.escape(self.words)
        when = html.escape(_moment(self.taken))
        notes = "".join(
            f'<p class="je-note" role="alert">{html.escape(n)}</p>' for n in self._notes()
        )
        others = "".join(f"<p>{html.escape(_briefly(other))}</p>" for other in self.others)
        # Only a web address becomes a link.
        words_link = (
            f'<a href="{link}" target="_blank" rel="noopener">{words}</a>'
            if self.link.startswith(("https://", "http://"))
            else words
        )
        return (
            f'<section class="je-share" aria-label="Shared notebook">{_style()}'
            f'<h4 class="je-heading">{html.escape(_HEADINGS[self.how])}</h4>'
            f'<p class="je-words">{words_link}</p>'
            f'<p class="je-link"><input type="text" readonly aria-label="Link to this notebook"'
            f' value="{link}" size="{min(72, max(24, len(self.link) + 2))}"></p>'
            f"<p>As of {when}. {html.escape(_SNAPSHOT)}{self._keeping()}</p>"
            f"{notes}{others}{_script()}</section>"
        )


@dataclass(frozen=True)
class NotShared:
    """A notebook that could not be shared now.

    Parameters
    ----------
    reason
        Why.
    name
        The notebook's file name.
    data
        The file of the notebook to share.
    kept
        Whether it is queued, to be sent by ``share.retry()``.
    """

    reason: str
    name: str
    data: bytes = field(repr=False)
    kept: bool = False

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> list[str]:
        lines = [f"{self.name} is not shared yet.", self.reason]
        if self.kept:
            lines.append(
                "What you wanted to share is kept here, and nothing is lost. When the network is "
                "back, run je_kernel.share.retry() or share again."
            )
        return lines

    def _repr_html_(self) -> str:
        heading, *rest = self._lines()
        paragraphs = "".join(
            f"<p>{html.escape(part)}</p>" for line in rest for part in line.split("\n\n")
        )
        file = base64.b64encode(self.data).decode("ascii")
        name = html.escape(self.name)
        return (
            f'<section class="je-share je-waiting" aria-label="Notebook not shared">{_style()}'
            f'<h4 class="je-heading" role="alert">{html.escape(heading)}</h4>{paragraphs}'
            f'<p><a download="{name}" href="data:application/x-ipynb+json;base64,{file}">'
            f"Download {name}</a></p></section>"
        )


class Retried(tuple["Share | NotShared", ...]):
    """The results of the notebooks in the queue, in the order in which they were sent."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "\n\n".join(map(repr, self)) or _NOTHING_WAITED

    def _repr_html_(self) -> str:
        return "".join(one._repr_html_() for one in self) or f"<p>{_NOTHING_WAITED}</p>"


@dataclass(frozen=True)
class Revoked:
    """A share that was deleted.

    Parameters
    ----------
    name
        The notebook's file name.
    link
        Its link, which is dead now.
    """

    name: str
    link: str

    def __repr__(self) -> str:
        return (
            f"{self.name} is no longer shared. The link {self.link} is dead.\n"
            "People who have read it may have kept a copy."
        )


def _briefly(other: Share | NotShared) -> str:
    if isinstance(other, Share):
        return f"{other.notebook} waited and is now shared too: {other.link}"
    if other.kept:
        return f"{other.name} still waits to be shared."
    return f"{other.name} is not shared: {other.reason}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


@cache
def _style() -> str:
    return f"<style>{javascript.source('sharing/share_display.css')}</style>"


@cache
def _script() -> str:
    return f"<script>{javascript.source('sharing/share_display.js')}</script>"
