"""Replace the browser of `webbrowser`: show a link, or a local page in a frame."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from je_kernel.stand_ins.output import link, show

if TYPE_CHECKING:
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]


class Browser:
    """The controller that `webbrowser.get` returns: the browser of the notebook."""

    name = "browser"

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:  # noqa: ARG002
        """Show a link to a page; or the page itself, if it is an HTML file beside the notebook."""
        url = str(url)
        scheme, _, rest = url.partition(":")
        if scheme.lower() in ("http", "https", "mailto"):
            show(f"Open {link(url)}", f"Open {url}")
            return True
        page = Path(rest.removeprefix("//") if scheme == "file" else url)
        try:
            html = page.read_text("utf-8")
        except (OSError, ValueError):
            print(f"There is no page {url}: give a web address, as https://…, or an HTML file.")
            return False
        show(
            f'<iframe srcdoc="{escape(html)}" sandbox="allow-scripts allow-popups"'
            ' style="width: 100%; height: 30em; border: 1px solid #ccc"></iframe>',
            f"The page {page.name}",
        )
        return True

    def open_new(self, url: str) -> bool:
        """Show a link to a page."""
        return self.open(url, 1)

    def open_new_tab(self, url: str) -> bool:
        """Show a link to a page."""
        return self.open(url, 2)


def adapt(module: ModuleType, patches: Patches) -> None:
    """Replace the functions of `webbrowser` that open a page."""
    browser = Browser()

    def get(_using: str | None = None) -> Any:
        return browser

    patches.set(module, "get", get)
    for name in ("open", "open_new", "open_new_tab"):
        patches.set(module, name, getattr(browser, name))
