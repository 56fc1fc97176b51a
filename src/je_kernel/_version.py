"""The one place where the version of je-kernel is stated."""

__version__ = "0.1.0"
