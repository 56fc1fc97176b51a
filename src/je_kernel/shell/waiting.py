"""Installing packages in a browser that can wait only at the end of a cell's line."""

from __future__ import annotations

import sys

from je_kernel.shell.calls import CommandError
from je_kernel.shell.commands.installers import conda_words
from je_kernel.shell.pip import carry_out, plan, words_of

__all__ = ["install"]


async def install(line: str) -> None:
    """Do what ``%pip …`` and ``!pip …`` say.

    Parameters
    ----------
    line
        The name of the installer and what stands behind it.
    """
    from IPython import get_ipython

    shell = get_ipython()
    if shell is not None:
        line = shell.var_expand(line, depth=1)
    name, *args = words_of(line)
    if name == "uv":
        args = args[1:]
    elif name != "pip":
        args = conda_words(args)

    def complain(text: str) -> None:
        print(text, file=sys.stderr)

    try:
        await carry_out(plan(args, print), print, complain)
    except CommandError as failure:
        complain(f"{name}: {failure}")
