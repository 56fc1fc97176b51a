"""The URL of this kernel's JupyterLite site."""

from __future__ import annotations

from urllib.parse import quote, urljoin

from je_kernel import runtime
from je_kernel.errors import NotInBrowserError

__all__ = ["site_url"]

# The kernel's worker is a file of an extension; JupyterLite serves extensions from here.
_EXTENSIONS = "/extensions/"


def site_url(path: str = "") -> str:
    """Return the full URL of a file of this site.

    A lesson that reads data shipped with its site need not know where the site
    is hosted. Files of the site's contents are served under ``files/``.

    Parameters
    ----------
    path
        The path within the site, such as ``"files/data/penguins.csv"``.
        Spaces and other special characters are quoted.

    Returns
    -------
    str
        The address, for example of a site that is hosted in a folder:
        ``"https://school.example/lite/files/data/penguins.csv"``.

    Raises
    ------
    NotInBrowserError
        If this Python does not run in a browser: it has no site.
    ValueError
        If `path` leads out of the site.
    """
    if not runtime.in_browser():
        raise NotInBrowserError(
            "site_url() finds files beside a notebook in the browser, and this Python does not "
            "run in one. Write the full address of the file instead, starting with https://."
        )
    import js

    return address_in(site_root(str(js.location.href)), path)


def site_root(script: str) -> str:
    """Return the address of the site whose page or kernel worker this is.

    Parameters
    ----------
    script
        The address of the kernel's worker script, or of a page of the site.

    Examples
    --------
    >>> site_root("https://school.example/lite/extensions/@a/b/static/worker.js")
    'https://school.example/lite/'
    >>> site_root("http://localhost:8000/index.html?x=1")
    'http://localhost:8000/'
    """
    base, extension, _ = script.partition(_EXTENSIONS)
    return f"{base}/" if extension else urljoin(script, ".")


def address_in(root: str, path: str) -> str:
    """Return the address of a path below a root, and refuse to leave the root.

    Examples
    --------
    >>> address_in("https://school.example/lite/", "files/my data.csv")
    'https://school.example/lite/files/my%20data.csv'
    >>> address_in("https://school.example/lite/", "../secret")
    Traceback (most recent call last):
    ValueError: '../secret' leads out of this site. Write a path such as 'files/data.csv'.
    """
    address = urljoin(root, quote(path, safe="/~"))
    if not address.startswith(root):
        raise ValueError(f"{path!r} leads out of this site. Write a path such as 'files/data.csv'.")
    return address
