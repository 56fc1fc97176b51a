"""The exceptions of je-kernel-site.

Each message is one sentence that says what happened, why, and what to do next. The command
prints it unchanged.

    SiteError
    ├── LockError       the committed lock, or a distribution's own, cannot be used
    ├── AssemblyError   a part of Pyodide could not be fetched
    ├── BuildError      JupyterLite could not build the site
    ├── ServeError      the site cannot be served
    └── CheckError      lessons cannot be checked
"""

from __future__ import annotations

__all__ = ["AssemblyError", "BuildError", "CheckError", "LockError", "ServeError", "SiteError"]


class SiteError(Exception):
    """Base class of every exception that je-kernel-site raises by itself."""


class LockError(SiteError):
    """A lock file is missing, malformed, or of another Pyodide."""


class AssemblyError(SiteError):
    """A file of the Pyodide distribution could not be fetched, or differs from the locked one."""


class BuildError(SiteError):
    """JupyterLite could not build the site."""


class ServeError(SiteError):
    """The site cannot be served."""


class CheckError(SiteError):
    """Lessons cannot be opened or run, for a reason outside of the lessons."""
