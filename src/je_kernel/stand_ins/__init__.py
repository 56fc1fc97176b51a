"""What lessons for a laptop or for Colab use and a browser does not have.

Threads and pools, `webbrowser`, ``google.colab``, ``wget``, ``%store`` and others: what can be
had works in another way, and the rest says in a sentence what to do. `install` puts it all in
place as the kernel starts; what a lesson does not import costs nothing.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from je_kernel import runtime
from je_kernel.net.adaptation import AdaptingFinder
from je_kernel.net.patches import Patches

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["install", "installed", "uninstall"]

_ADAPTERS = {
    "concurrent.futures.process": "je_kernel.stand_ins.processes",
    "concurrent.futures.thread": "je_kernel.stand_ins.processes",
    "cv2": "je_kernel.stand_ins.pictures",
    "multiprocessing": "je_kernel.stand_ins.processes",
    "multiprocessing.pool": "je_kernel.stand_ins.processes",
    "tqdm.std": "je_kernel.stand_ins.progress_bars",
    "webbrowser": "je_kernel.stand_ins.web_browser",
}

_patches = Patches()
_adapting = AdaptingFinder(_ADAPTERS, _patches)


def install(shell: InteractiveShell | None) -> None:
    """Put the stand-ins in place. Doing it twice does no harm.

    Parameters
    ----------
    shell
        The IPython shell, if there is one.
    """
    if installed():
        return
    from je_kernel.stand_ins import finder, places, threads

    threads.install(_patches)
    sys.meta_path.insert(0, _adapting)
    _adapting.adapt_imported()
    last = finder.StandInFinder()
    sys.meta_path.append(last)  # type: ignore[arg-type]
    _patches.when_undone(lambda: sys.meta_path.remove(last))  # type: ignore[arg-type]
    _patches.set(os, "fork", _no_fork)
    _patches.set(signal, "alarm", _no_alarm)
    places.open_up()
    _patches.when_undone(places.leave)
    drive = runtime.drive_mount()
    if shell is not None and drive is not None:
        from je_kernel.stand_ins import store_magic

        store_magic.keep_on_drive(shell, drive)
        _patches.when_undone(lambda: store_magic.keep_at_home(shell))


def uninstall() -> None:
    """Take back everything that `install` has changed; without effect if nothing was."""
    if not installed():
        return
    sys.meta_path.remove(_adapting)
    _patches.undo()


def installed() -> bool:
    """Return whether `install` is in force."""
    return _adapting in sys.meta_path


def _no_fork() -> NoReturn:
    from je_kernel.errors import UnavailableError

    raise UnavailableError(
        "A browser gives Python one process, which cannot be copied. Use threading.Thread or"
        " multiprocessing.Process: both work here."
    )


def _no_alarm(_seconds: int) -> NoReturn:
    from je_kernel.errors import UnavailableError

    raise UnavailableError(
        "No alarm can interrupt Python in a browser. Look at the time in the loop that may take"
        " long: time.monotonic() gives seconds."
    )
