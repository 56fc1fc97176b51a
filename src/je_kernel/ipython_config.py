"""Starts je-kernel with every IPython kernel whose environment holds this file.

Installed as wheel data into ``<sys.prefix>/etc/ipython/``, which IPython reads
before its shell exists. It appends: what other configuration files name as
extensions is kept.
"""

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (IPython defines it)
c.InteractiveShellApp.extensions.append("je_kernel")
