"""Build view pages (notebook, message, list of API calls), and cache rendered notebooks."""

import asyncio
import base64
import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from je_sharing.metrics import RENDERINGS
from je_sharing.recent_cache import RecentCache
from je_sharing.rendering.document import Document
from je_sharing.rendering.workers import RenderingStoppedError, Workers

_TEMPLATES = Path(__file__).parent / "templates"
_MOST_STOPPED = 10_000
_log = logging.getLogger(__name__)
STYLE = (_TEMPLATES / "page.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()


def content_security_policy(frame_ancestors: str) -> str:
    """Write the policy of every page: images from the page itself, one style sheet, no script.

    Parameters
    ----------
    frame_ancestors
        Who may show the page in a frame.

    Returns
    -------
    str
        The value of the `Content-Security-Policy` header.
    """
    return (
        "default-src 'none'; script-src 'none'; "
        f"style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
        f"base-uri 'none'; form-action 'none'; frame-ancestors {frame_ancestors}"
    )


@dataclass(frozen=True)
class View:
    """What a notebook's page shows around the notebook.

    Parameters
    ----------
    readable_id
        The id people say.
    page_url
        The page's own address.
    download_url
        Where the .ipynb is.
    open_url
        Where a copy opens in JupyterLite; empty when the operator named no site.
    taken_at
        When the content was shared, in ISO 8601.
    latest_url
        The page of the newest version when this is an older one, else empty.
    expiry
        The day on which the notebook expires, in ISO 8601; empty for never.
    report_url
        Where a reader reports the notebook; empty when the operator named no address.
    """

    readable_id: str
    page_url: str
    download_url: str
    open_url: str
    taken_at: str
    latest_url: str = ""
    expiry: str = ""
    report_url: str = ""


class Pages:
    """Makes pages, each notebook rendered once, by another process, however many ask for it.

    Parameters
    ----------
    cache_bytes
        Memory for rendered notebooks.
    """

    def __init__(self, *, cache_bytes: int) -> None:
        self._capacity = cache_bytes
        self.cache = RecentCache[Document](cache_bytes)
        self._under_way: dict[bytes, asyncio.Task[Document]] = {}
        # What could not be rendered, the oldest first: nobody waits for it a second time.
        self._stopped: dict[bytes, None] = {}
        self._workers = Workers()
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
        )

    def prepare(self) -> None:
        """Start the process of the first rendering, in the background."""
        self._workers.prepare()

    async def notebook(self, digest: bytes, content: bytes, view: View) -> str:
        """Make a notebook's page.

        Parameters
        ----------
        digest
            Names the content.
        content
            The notebook's JSON.
        view
            What is shown around it.

        Returns
        -------
        str
            HTML.
        """
        document = self.cache.get(digest) or await self._rendered(digest, content)
        words = view.readable_id.replace("-", " ")
        return self._page(
            "notebook.html",
            title=document.title or f"Notebook “{words}”",
            has_heading=document.has_heading,
            cells=Markup(document.cells_html),  # noqa: S704 - made harmless by the renderer
            cell_count=document.cell_count,
            is_plain=document.is_plain,
            words=words,
            view=view,
        )

    async def close(self) -> None:
        """End the rendering that is under way, and its processes."""
        tasks = [*self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._workers.close()

    def message(self, title: str, text: str) -> str:
        """Make a page that says one thing.

        Parameters
        ----------
        title
            In a few words.
        text
            What to do about it.

        Returns
        -------
        str
            HTML.
        """
        return self._page("message.html", title=title, text=text)

    def interface(self, operations: list[dict[str, Any]]) -> str:
        """Make the page that lists the API's calls."""
        return self._page("interface.html", title="je-sharing: the API", operations=operations)

    def _page(self, template: str, **values: Any) -> str:
        style = Markup(STYLE)  # noqa: S704 - ours
        return self._templates.get_template(template).render(style=style, **values)

    async def _rendered(self, digest: bytes, content: bytes) -> Document:
        """Wait for the one rendering of a content, which goes on when who asked has gone."""
        task = self._under_way.get(digest)
        if task is None:
            task = asyncio.create_task(self._render(digest, content))
            self._under_way[digest] = task
            task.add_done_callback(lambda _task: self._under_way.pop(digest))
        return await asyncio.shield(task)

    async def _render(self, digest: bytes, content: bytes) -> Document:
        if digest not in self._stopped:
            try:
                document = await self._workers.render(content)
                RENDERINGS.labels("done").inc()
                self._keep(digest, document)
                return document
            except RenderingStoppedError:
                RENDERINGS.labels("stopped").inc()
                _log.warning("a rendering was stopped, for it took too much time or memory")
                self._stopped[digest] = None
                if len(self._stopped) > _MOST_STOPPED:
                    del self._stopped[next(iter(self._stopped))]
        try:
            document = await self._workers.render(content, plain=True)
        except RenderingStoppedError:
            document = Document(is_plain=True)
        self._keep(digest, document)
        return document

    def _keep(self, digest: bytes, document: Document) -> None:
        size = len(document.cells_html)
        if size <= self._capacity:
            self.cache.keep(digest, document, size=size)
