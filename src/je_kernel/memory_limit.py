"""Limit the memory of a kernel, measure what uses it, and explain errors when it is full.

Pyodide's memory grows on demand, up to 4 GiB, and never shrinks before the kernel ends. Above
2 GiB, Pyodide (314.0.6) reads addresses as negative numbers: texts become zeros, files and
downloads fail. On a small computer the browser ends the page without a message before that. So
`install` sets a limit at which Python raises `MemoryError`, keeps a reserve that is freed to show
the error, and prints one warning before.
"""

from __future__ import annotations

import sys
from itertools import chain, islice
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from je_kernel import runtime, settings
from je_kernel.compatibility import emscripten_module
from je_kernel.tracebacks import wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from IPython.core.interactiveshell import InteractiveShell

__all__ = [
    "TOO_LARGE",
    "Memory",
    "explain",
    "free_frames",
    "free_reserve",
    "install",
    "keep_reserve",
    "probe",
    "shown_bytes",
    "size_of",
    "uninstall",
]

TOO_LARGE = (MemoryError, OverflowError, ValueError)
"""The errors that Python and NumPy raise if something is too large; see `explain`."""

# The reserve is several times what showing an error needs, in pieces that fit into fragmented
# memory. Nothing is written to them, so the computer allocates no memory for them.
_PIECE = 500_000
_PIECES = 32
# What stays free when the reserve is filled again, for a cell that deletes something.
_ROOM = 2_000_000
# The limit is this fraction of the computer's memory; the page and the system need the rest.
_SHARE = 2
_MOST = 2**31
_NONE = 2**32 - 1
_SAMPLE = 1000
_DEPTH = 4
_FEW = 3

# The beginnings of messages about sizes that do not fit into 32 bits.
_BEYOND = (
    "array is too big",
    "iterator is too large",
    "Maximum allowed ",
    "cannot fit 'int' into an index-sized integer",
    "Python int too large to convert to C ssize_t",
    "strings are too large to concat",
    "repeated ",
)


class Memory(NamedTuple):
    """The memory of a kernel, in bytes.

    Attributes
    ----------
    used
        What is allocated.
    heap
        The size of the WebAssembly memory.
    limit
        The limit of the heap.
    device
        The computer's memory as the browser reports it, a power of two; None if it does not.
    """

    used: int
    heap: int
    limit: int
    device: int | None


def probe() -> Memory | None:
    """Return the kernel's memory; None on CPython, which has no limit of ours.

    Examples
    --------
    >>> probe() is None
    True
    """
    if not runtime.in_browser():
        return None
    device = _device()
    return Memory(_used(), _heap(), _limit(device), device)


def _heap() -> int:
    return int(emscripten_module().HEAPU8.length)


def _used() -> int:
    """Return what is allocated. The allocator counts: 2 ms for a million values."""
    module = emscripten_module()
    answer = module._malloc(40)  # struct mallinfo: ten words, uordblks is the eighth
    module._mallinfo(answer)
    used = int(module.HEAPU32[(answer >> 2) + 7])
    module._free(answer)
    return used - _PIECE * len(_kernel.reserve)


def _device() -> int | None:
    import js

    gigabytes = getattr(js.navigator, "deviceMemory", None)
    return int(gigabytes * 2**30) if gigabytes else None


def _limit(device: int | None) -> int:
    wanted = settings.current().memory_limit_mb * 1_000_000
    return min(_MOST, wanted or (device // _SHARE if device else _MOST))


class _Kernel:
    """The state of this kernel: the reserve's addresses, and the heap size to warn at."""

    def __init__(self) -> None:
        self.reserve: list[int] = []
        self.threshold = 0

    def look(self, result: Any = None) -> None:
        """Warn once, after a cell in which the memory grew beyond the threshold."""
        if len(self.reserve) < _PIECES:
            keep_reserve()
        heap = _heap()
        if heap <= self.threshold:
            return
        self.threshold = heap
        memory = probe()
        if memory is None or memory.used < memory.limit // 2:
            return
        shell = sys.modules["IPython"].get_ipython()
        shell.events.unregister("post_run_cell", self.look)
        # The error has said the same.
        if not isinstance(getattr(result, "error_in_exec", None), MemoryError):
            print(_warning(memory, shell.user_ns), file=sys.stderr)


_kernel = _Kernel()


def install(shell: InteractiveShell | None) -> None:
    """Set the limit, keep the reserve, and check the memory after each cell.

    Parameters
    ----------
    shell
        The IPython shell, if there is one.
    """
    module = emscripten_module()
    limit = _limit(_device())
    # Static data and the stack lie before the allocator's memory.
    before = module._sbrk(0) - module._malloc_footprint()
    module._malloc_set_footprint_limit(limit - before)
    keep_reserve()
    if shell is not None:
        _kernel.threshold = limit // 2
        shell.events.register("post_run_cell", _kernel.look)


def uninstall(shell: InteractiveShell | None) -> None:
    """Undo `install`."""
    emscripten_module()._malloc_set_footprint_limit(_NONE)
    free_reserve()
    if shell is not None and _kernel.look in shell.events.callbacks["post_run_cell"]:
        shell.events.unregister("post_run_cell", _kernel.look)


def keep_reserve() -> None:
    """Fill the reserve, as far as there is room."""
    allocate = emscripten_module()._malloc
    room = allocate(_ROOM)
    if not room:
        return
    while len(_kernel.reserve) < _PIECES and (piece := allocate(_PIECE)):
        _kernel.reserve.append(piece)
    emscripten_module()._free(room)


def free_reserve() -> None:
    """Free the reserve, so that an error can be shown."""
    free = emscripten_module()._free
    while _kernel.reserve:
        free(_kernel.reserve.pop())


def free_frames(error: BaseException) -> None:
    """Clear the local variables in an error's traceback: the error outlives the cell."""
    import traceback

    traceback.clear_frames(error.__traceback__)


def _warning(memory: Memory, namespace: Mapping[str, Any]) -> str:
    used, limit = shown_bytes(memory.used), shown_bytes(memory.limit)
    advice = _advice(memory, namespace)
    return wrapped(f"This notebook uses {used} of memory; it can have {limit}.{advice}")


def explain(error: BaseException, namespace: Mapping[str, Any]) -> str | None:
    """Return a hint for an error that something is too large.

    Parameters
    ----------
    error
        An error of `TOO_LARGE`.
    namespace
        The variables of the notebook.

    Returns
    -------
    str or None
        None for any other error, and on CPython.
    """
    memory = probe()
    if memory is None:
        return None
    used, limit = shown_bytes(memory.used), shown_bytes(memory.limit)
    if isinstance(error, MemoryError):
        text = (
            f"There is no memory left for this: a notebook here can have {limit}, and"
            f" {used} are in use.{_advice(memory, namespace)}"
        )
    elif str(error).startswith(_BEYOND):
        text = (
            f"This is too large for Python in a browser: a notebook here can have {limit} of"
            " memory, and nothing in it more than 2,147,483,647 bytes or elements."
        )
    else:
        return None
    return wrapped(
        f"{text}\nTake less at once: pd.read_csv(…, usecols=[…], nrows=100_000) reads some columns"
        ' and rows only, and dtype="float32" halves the size of numbers.'
    )


def _advice(memory: Memory, namespace: Mapping[str, Any]) -> str:
    """Name the largest values, and how to free them."""
    largest = [each for each in _sizes(namespace) if each[0] > memory.used // 20][:_FEW]
    restart = "Kernel > Restart Kernel… gives all of it back."
    if not largest:
        return f" {restart}"
    named = ", ".join(f"{name} ({shown_bytes(size)})" for size, name, _ in largest)
    ways = dict.fromkeys(f"`{way}`" for _, _, way in largest)
    return f" The largest: {named}. What you need no more goes with {' or '.join(ways)}; {restart}"


def _sizes(namespace: Mapping[str, Any]) -> list[tuple[int, str, str]]:
    """Return the size of each value, its name, and the line that frees it, the largest first."""
    # IPython keeps the results of cells in `Out`, whether or not a variable has them, too.
    outputs = namespace.get("Out", {})
    output_ids = {id(value) for value in outputs.values()}
    sizes: dict[int, tuple[int, str, str]] = {}
    for name, value in list(namespace.items()):
        if name.startswith("_") or name in {"In", "Out"} or isinstance(value, (ModuleType, type)):
            continue
        way = f"%xdel {name}" if id(value) in output_ids else f"del {name}"
        sizes.setdefault(id(value), (size_of(value), name, way))
    for number, value in list(outputs.items()):
        sizes.setdefault(id(value), (size_of(value), f"Out[{number}]", "%reset -f out"))
    return sorted(sizes.values(), key=lambda each: -each[0])


def size_of(value: object, depth: int = _DEPTH) -> int:
    """Estimate the size of a value and its elements, in bytes.

    Only a thousand elements of a large container are counted.

    Parameters
    ----------
    value
        Any object.
    depth
        The number of levels of containers to count.

    Examples
    --------
    >>> size_of(bytes(1_000_000)) // 1000
    1000
    >>> size_of([f"{number:1000}" for number in range(10_000)]) // 1_000_000
    10
    >>> row = [0] * 1_000_000
    >>> size_of([row, row, row]) // 1_000_000
    8
    """
    try:
        return _size_of(value, depth)
    except Exception:
        # The methods of a value may raise anything.
        return 0


def _size_of(value: Any, depth: int) -> int:
    size = getattr(value, "nbytes", None)
    if isinstance(size, int):
        return size
    if hasattr(value, "memory_usage") and hasattr(value, "head"):
        # pandas: each text is an object, and there may be millions of them.
        head = value.head(_SAMPLE)
        return sys.getsizeof(head) * len(value) // max(len(head), 1)
    size = sys.getsizeof(value)
    if depth == 0 or not isinstance(value, (list, tuple, set, frozenset, dict)):
        return size
    elements = chain.from_iterable(value.items()) if isinstance(value, dict) else value
    looked_at = list(islice(elements, _SAMPLE))
    different = {id(each): each for each in looked_at}
    inside = sum(_size_of(each, depth - 1) for each in different.values())
    if len(different) == len(looked_at) and looked_at:
        inside = inside * len(value) * (2 if isinstance(value, dict) else 1) // len(looked_at)
    return size + inside


def shown_bytes(size: int) -> str:
    """Write a number of bytes as a person would.

    Examples
    --------
    >>> shown_bytes(31_400_000), shown_bytes(2**31)
    ('31 MB', '2.1 GB')
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
