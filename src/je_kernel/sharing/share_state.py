"""The state of sharing: the token, the shares, and the queue of notebooks to send.

It is a JSON file in a hidden folder of the site's own files, so that it outlives a
restart or a reload, and serves all notebooks of a student. Several kernels may
change it at once: each change is applied atomically to the current state. A change
that cannot be written, for example on a full disk, is kept in this kernel and
written with the next one. A damaged file is moved aside, never overwritten.
"""

from __future__ import annotations

import dataclasses
import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from je_kernel import runtime
from je_kernel.errors import FilesError, StoreError
from je_kernel.files import names, store_selection
from je_kernel.files.store import CHANGED, Refusal
from je_kernel.sharing.tokens import Token

if TYPE_CHECKING:
    from collections.abc import Callable

    from je_kernel.files.store import Store

__all__ = ["FOLDER", "Queued", "Record", "State", "StateFile", "forget_unwritten"]

FOLDER = f"{names.OWN_PREFIX}sharing"
"""The hidden folder, at the top of the site's files."""

_STATE = f"{FOLDER}/shares.json"
# The folder contains a token and passwords: keep it out of a git repository.
_IGNORE = f"{FOLDER}/.gitignore"
# An attempt fails only if another kernel's succeeds.
_TRIES = 200


@dataclass(frozen=True)
class Record:
    """One notebook that was shared.

    Parameters
    ----------
    path
        Its path when it was shared.
    id, readable_id
        Its ids at the service.
    password
        The password with which a later session may update the share.
    fingerprint
        The hash of the content that was sent last.
    taken
        The time of that, in seconds since 1970.
    cells
        The ids of its cells, to recognise it under another name.
    """

    path: str
    id: str
    readable_id: str
    password: str = field(repr=False)
    fingerprint: str
    taken: float
    cells: tuple[str, ...] = ()

    def is_of(self, cells: tuple[str, ...]) -> bool:
        """Return whether these cells can be those of the notebook that was shared.

        A new notebook often has the name of an old one, but other cells.
        """
        return not cells or not self.cells or not set(cells).isdisjoint(self.cells)


@dataclass(frozen=True)
class Queued:
    """One notebook in the queue.

    Parameters
    ----------
    path
        The notebook's path.
    file
        The file with the content to send.
    taken
        The time of ``share()``, in seconds since 1970.
    """

    path: str
    file: str
    taken: float


@dataclass(frozen=True)
class State:
    """The state of sharing with one service.

    Parameters
    ----------
    token
        The token.
    records
        The notebooks that were shared.
    queued
        The queue.
    approved
        The allowed findings of personal data: the notebook's path and the finding's mark.
    """

    token: Token | None = None
    records: tuple[Record, ...] = ()
    queued: tuple[Queued, ...] = ()
    approved: frozenset[str] = frozenset()

    def with_record(self, record: Record) -> State:
        """Return the state with a record in place of an earlier one of the notebook."""
        others = (r for r in self.records if r.path != record.path and r.id != record.id)
        return dataclasses.replace(self, records=(*others, record))

    def without_record(self, record: Record) -> State:
        """Return the state without a record."""
        others = tuple(r for r in self.records if r.id != record.id)
        return dataclasses.replace(self, records=others)

    def with_queued(self, queued: Queued) -> State:
        """Return the state with a queued notebook in place of an earlier version."""
        others = (q for q in self.queued if q.path != queued.path)
        return dataclasses.replace(self, queued=(*others, queued))

    def without_queued(self, path: str) -> State:
        """Return the state without a notebook in the queue."""
        return dataclasses.replace(self, queued=tuple(q for q in self.queued if q.path != path))

    def with_approved(self, marks: set[str]) -> State:
        """Return the state with more allowed findings."""
        return dataclasses.replace(self, approved=self.approved | marks)


# Changes that are not written yet, by service.
_unwritten: dict[str, list[Callable[[State], State]]] = {}


def forget_unwritten() -> None:
    """Discard the changes that are not written, as the end of the kernel does."""
    _unwritten.clear()


class StateFile:
    """The file of the state, for one service.

    Parameters
    ----------
    service
        The service's address.
    """

    def __init__(self, service: str) -> None:
        self.service = service
        self.set_aside: str | None = None
        """The file to which a damaged state file was moved, if there was one."""
        self._put_aside: bytes | None = None

    def state(self) -> State:
        """Read the state.

        Raises
        ------
        FilesError
            If it cannot be read.
        """
        operations = store_selection.current()
        return self._with_unwritten(operations.run(self._read(operations.store)).state)

    def known(self) -> State:
        """Read the state; if that fails, return the changes of this kernel alone."""
        try:
            return self.state()
        except FilesError:
            return self._with_unwritten(State())

    def note(self, change: Callable[[State], State]) -> State | None:
        """Change the state; if it cannot be written, for this kernel alone.

        Parameters
        ----------
        change
            Returns the new state for the current one.

        Returns
        -------
        State or None
            The new state; None if it could not be written.
        """
        try:
            return self.change(change)
        except FilesError:
            _unwritten.setdefault(self.service, []).append(change)
            return None

    def _with_unwritten(self, state: State) -> State:
        for change in _unwritten.get(self.service, ()):
            state = change(state)
        return state

    def change(self, change: Callable[[State], State]) -> State:
        """Change the state atomically, even if other kernels change it at the same time.

        Parameters
        ----------
        change
            Returns the new state for the current one.

        Raises
        ------
        FilesError
            If it cannot be written.
        """
        operations = store_selection.current()
        return operations.run(self._change(operations.store, change))

    def remember_token(self, token: Token | None) -> None:
        """Save the token for the next kernel, if it can be written."""
        self.note(lambda state: dataclasses.replace(state, token=token))

    def enqueue(self, path: str, body: bytes, taken: float) -> Queued:
        """Add a notebook to the queue.

        Parameters
        ----------
        path
            The notebook's path.
        body
            The content to send.
        taken
            The time of ``share()``, in seconds since 1970.

        Raises
        ------
        FilesError
            If it cannot be written.
        """
        queued = Queued(path, f"{FOLDER}/queued-{uuid.uuid4().hex}.json", taken)
        operations = store_selection.current()
        operations.run(operations.store.write({queued.file: body}))
        before = self.state()
        try:
            self.change(lambda state: state.with_queued(queued))
        except FilesError:  # nothing would refer to the file
            operations.run(_remove(operations.store, queued.file))
            raise
        for old in before.queued:
            if old.path == path:
                operations.run(_remove(operations.store, old.file))
        return queued

    def body_of(self, queued: Queued) -> bytes | None:
        """Return the content to send, or None if its file is gone."""
        operations = store_selection.current()
        file = operations.run(operations.store.read(queued.file))
        return None if file is None else file[1]

    def leave_out(self, queued: Queued) -> None:
        """Remove a damaged entry from the queue; its file stays."""
        self.note(
            lambda state: dataclasses.replace(
                state, queued=tuple(q for q in state.queued if q != queued)
            )
        )

    def dequeue(self, path: str) -> None:
        """Remove a notebook from the queue, with its files."""
        waited = [queued for queued in self.state().queued if queued.path == path]
        if not waited:
            return
        self.change(lambda state: state.without_queued(path))
        operations = store_selection.current()
        for queued in waited:
            operations.run(_remove(operations.store, queued.file))

    async def _read(self, store: Store) -> _File:
        file = await store.read(_STATE)
        if file is None:
            return _File(State(), {}, None, None)
        info, data = file
        everything = _object(data)
        own = (everything or {}).get(self.service, {})
        state, is_whole = _state_of(own if isinstance(own, dict) else {})
        is_whole = is_whole and everything is not None and isinstance(own, dict)
        damaged = None if is_whole else data
        return _File(state, everything or {}, info.version, damaged)

    async def _change(self, store: Store, change: Callable[[State], State]) -> State:
        for _ in range(_TRIES):
            file_there = await self._read(store)
            state, version = file_there.state, file_there.version
            new = change(self._with_unwritten(state))
            if new == state:
                _unwritten.pop(self.service, None)
                return new
            if file_there.damaged is not None and file_there.damaged != self._put_aside:
                self.set_aside = f"{FOLDER}/shares-damaged-{uuid.uuid4().hex[:8]}.json"
                await store.write({self.set_aside: file_there.damaged})
                self._put_aside = file_there.damaged
            everything = {**file_there.everything, self.service: _json_of(new)}
            data = json.dumps(everything, indent=1).encode()
            if version is None and not runtime.in_browser():
                await store.write({_IGNORE: b"*\n"})
            try:
                await store.write({_STATE: data}, expected={_STATE: version})
            except Refusal as refusal:
                if refusal.problem not in CHANGED:
                    raise
                continue  # another kernel was quicker
            _unwritten.pop(self.service, None)
            return new
        raise StoreError("What was shared cannot be remembered: other notebooks keep changing it.")


@dataclass(frozen=True)
class _File:
    """The content of the state file.

    ``state`` is that of one service, ``everything`` that of all as JSON, ``version`` the file's
    version in the store, ``damaged`` its bytes if part of it is not valid.
    """

    state: State
    everything: dict[str, Any]
    version: str | None
    damaged: bytes | None


async def _remove(store: Store, path: str) -> None:
    if await store.exists(path):
        await store.remove(path)


def _object(data: bytes) -> dict[str, Any] | None:
    """Return the JSON object in a file; None if it is damaged."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _json_of(state: State) -> dict[str, Any]:
    return {
        "token": dataclasses.asdict(state.token) if state.token else None,
        "shares": [dataclasses.asdict(record) for record in state.records],
        "queued": [dataclasses.asdict(queued) for queued in state.queued],
        "approved": sorted(state.approved),
    }


def _state_of(value: dict[str, Any]) -> tuple[State, bool]:
    """Return the valid parts of a state, and whether all of it is valid."""
    token = _made(Token, value.get("token"))
    records = [_made(Record, one) for one in _list(value.get("shares"))]
    queued = [_made(Queued, one) for one in _list(value.get("queued"))]
    state = State(
        token,
        tuple(dataclasses.replace(r, cells=tuple(r.cells)) for r in records if r is not None),
        tuple(one for one in queued if one is not None),
        frozenset(mark for mark in _list(value.get("approved")) if isinstance(mark, str)),
    )
    is_whole = (token is not None or value.get("token") is None) and None not in (*records, *queued)
    return state, is_whole


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _made(kind: Any, value: Any) -> Any:
    if not isinstance(value, dict):
        return None
    known = {f.name: _JSON_TYPES[f.type] for f in dataclasses.fields(kind)}
    parts = {name: part for name, part in value.items() if name in known}
    if not all(isinstance(part, known[name]) for name, part in parts.items()):
        return None
    try:
        return kind(**parts)
    except TypeError:  # a field is missing
        return None


# As dataclasses name them: annotations are not evaluated here.
_JSON_TYPES: dict[Any, Any] = {
    "str": str,
    "float": (int, float),
    "float | None": (int, float, type(None)),
    "tuple[str, ...]": list,
}
