"""What the plain tests of je-kernel-site share."""

from .tiny_pyodide import cache, core_in_cache, full_cache, tiny_site, world

__all__ = ["cache", "core_in_cache", "full_cache", "tiny_site", "world"]
