"""Stand-ins for modules that work on laptops or in Colab, but not in a browser.

Threads and pools, `webbrowser`, ``google.colab``, ``wget``, ``%store`` and others: what a browser
can do works in another way, and the rest raises an error that says what to do. `install` runs as
the kernel starts; a module is loaded when a lesson imports it.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import suppress
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any, NoReturn

from je_kernel.net.import_hooks import PostImportFinder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["MODULES", "StandInFinder", "install", "installed", "uninstall"]

_ADAPTERS = {
    "concurrent.futures.process": "je_kernel.stand_ins.process_stand_ins",
    "concurrent.futures.thread": "je_kernel.stand_ins.threads",
    "cv2": "je_kernel.stand_ins.opencv",
    "multiprocessing": "je_kernel.stand_ins.process_stand_ins",
    "multiprocessing.pool": "je_kernel.stand_ins.process_stand_ins",
    "numpy.linalg": "je_kernel.stand_ins.singular_matrices",
    "queue": "je_kernel.stand_ins.threads",
    "tqdm.std": "je_kernel.stand_ins.progress_bars",
    "webbrowser": "je_kernel.stand_ins.web_browser",
}

MODULES = frozenset(
    (
        "gdown",
        *("google", "google.colab"),
        "kagglehub",
        *("playsound", "pyttsx3", "winsound"),
        "turtle",
        "wget",
    )
)
"""The modules in the folder ``modules``."""

_FOLDER = __file__.removesuffix("__init__.py") + "modules"

# The working folders of Colab and Kaggle.
_FOLDERS_ELSEWHERE = ("/content", "/kaggle/input", "/kaggle/working")

_finder = PostImportFinder(_ADAPTERS)
_patches = _finder.patches
uninstall, installed = _finder.uninstall, _finder.installed


class StandInFinder:
    """A finder of the modules in ``modules``. It is the last one: a real package comes first."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: Any = None,
    ) -> ModuleSpec | None:
        """Find a stand-in."""
        if fullname not in MODULES:
            return None
        parent = fullname.rpartition(".")[0]
        return PathFinder.find_spec(fullname, [f"{_FOLDER}/{parent}"], target)


def install(shell: InteractiveShell | None) -> None:
    """Install the stand-ins. Idempotent.

    Parameters
    ----------
    shell
        The IPython shell, if there is one.
    """
    if installed():
        return
    from je_kernel import drive
    from je_kernel.stand_ins import threads

    threads.install(_patches)
    _patches.set(os, "fork", _no_fork)
    _patches.set(signal, "alarm", _no_alarm)
    _patches.set(socket.socket, "bind", _no_socket)
    _patches.set(socket.socket, "connect", _no_socket)
    _finder.install()
    last: Any = StandInFinder()
    sys.meta_path.append(last)
    _patches.when_undone(lambda: sys.meta_path.remove(last))
    _patches.when_undone(_unlink_folders)
    if shell is None:
        _link_folders()
    else:
        _link_folders_with_first_cell(shell)
        # tqdm and lessons check this to recognise a notebook.
        shell.config.setdefault("IPKernelApp", {})
    if shell is not None and drive.installed():
        _keep_stored_values(shell, "/drive")


def _keep_stored_values(shell: InteractiveShell, drive: str) -> None:
    """Store the values of ``%store`` on the drive, from its first use on."""
    magics = shell.magics_manager.magics["line"]
    original = magics.get("store")
    if original is None:
        return

    def store(line: str) -> Any:
        from je_kernel.stand_ins import store_magic

        store_magic.keep_on_drive(shell, drive)
        return original(line)

    store.__doc__ = original.__doc__
    magics["store"] = store

    def undo() -> None:
        magics["store"] = original
        if "je_kernel.stand_ins.store_magic" in sys.modules:
            sys.modules["je_kernel.stand_ins.store_magic"].keep_at_home(shell)

    _patches.when_undone(undo)


def _link_folders_with_first_cell(shell: InteractiveShell) -> None:
    """Link the folders with the first cell, when the kernel is in the notebook's folder."""

    def first_cell(info: Any) -> None:
        if not info.store_history:
            return  # the shell's own lines, as it starts
        shell.events.unregister("pre_run_cell", first_cell)
        if installed():
            _link_folders()

    shell.events.register("pre_run_cell", first_cell)


def _link_folders() -> None:
    # With `os`: importing pathlib would take longer than the rest of the step.
    here = os.getcwd()  # noqa: PTH109
    for name in _FOLDERS_ELSEWHERE:
        with suppress(OSError):  # it exists
            os.makedirs(os.path.dirname(name), exist_ok=True)  # noqa: PTH103, PTH120
            os.symlink(here, name)  # noqa: PTH211


def _unlink_folders() -> None:
    for name in _FOLDERS_ELSEWHERE:
        if os.path.islink(name):  # noqa: PTH114
            os.unlink(name)  # noqa: PTH108


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


def _no_socket(_socket: Any, _address: Any) -> NoReturn:
    from je_kernel.errors import NoSocketError

    raise NoSocketError(
        "A browser lets no program open a connection of its own, nor wait for one. What works is"
        " HTTP: urllib, requests and httpx. To send messages between threads, use queue.Queue."
    )
