"""IPython configuration that loads je-kernel in every kernel of this environment.

The wheel installs this file as data into ``<sys.prefix>/etc/ipython/``, which IPython
reads before its shell exists. The file adds je-kernel to the extensions that other
configuration files name.
"""

import sys

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (IPython defines it)
c.InteractiveShellApp.extensions.append("je_kernel")

if sys.platform == "emscripten" and "" not in sys.path:
    # The site's entry module took the notebook's folder off the path, because to look into it
    # makes the page read every file (see entry.mjs). It comes back when all else is done.
    c.InteractiveShellApp.ignore_cwd = True
    c.InteractiveShellApp.exec_lines.append("__import__('sys').path.insert(0, '')")
