"""What sharing remembers between kernels: the token, the shares, what waits to be sent.

It is kept in a hidden folder of the site's own files, as the notebooks are, and
so is there after a restart, a reload, and in another notebook of the same
student. Several kernels may change it at once: each change is applied to what
is there at that moment, whole or not at all. What cannot be written, on a full
disk say, this kernel knows by itself, and writes with the next change. A damaged
file is set aside, never written over.
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
# The token and the passwords are nobody's business: git leaves out a folder that says so.
_IGNORE = f"{FOLDER}/.gitignore"
# Whenever one fails, another kernel's has succeeded.
_TRIES = 200


@dataclass(frozen=True)
class Record:
    """One notebook that was shared.

    Parameters
    ----------
    path
        Where it was when it was shared.
    id, readable_id
        What the service calls it.
    password
        With which a later session may update the share.
    fingerprint
        The hash of what was sent last.
    taken
        When that was, in seconds since 1970.
    cells
        The ids of its cells, to know it again under another name.
    """

    path: str
    id: str
    readable_id: str
    password: str = field(repr=False)
    fingerprint: str
    taken: float
    cells: tuple[str, ...] = ()

    def is_of(self, cells: tuple[str, ...]) -> bool:
        """Tell whether these cells can be those of the notebook that was shared.

        A new notebook often gets the name of an old one: its cells are others.
        """
        return not cells or not self.cells or not set(cells).isdisjoint(self.cells)


@dataclass(frozen=True)
class Queued:
    """One notebook that waits to be sent.

    Parameters
    ----------
    path
        Where the notebook is.
    file
        The file that holds what is to be sent.
    taken
        When it was to be shared, in seconds since 1970.
    """

    path: str
    file: str
    taken: float


@dataclass(frozen=True)
class State:
    """All that is remembered of one service.

    Parameters
    ----------
    token
        The token.
    records
        The notebooks that were shared.
    queued
        The notebooks that wait.
    approved
        The marks of the findings that somebody said may leave, each with its
        notebook's path before it.
    """

    token: Token | None = None
    records: tuple[Record, ...] = ()
    queued: tuple[Queued, ...] = ()
    approved: frozenset[str] = frozenset()

    def with_record(self, record: Record) -> State:
        """Return the state after a share; an earlier record of it is replaced."""
        others = (r for r in self.records if r.path != record.path and r.id != record.id)
        return dataclasses.replace(self, records=(*others, record))

    def without_record(self, record: Record) -> State:
        """Return the state without a share that is no more."""
        kept = tuple(r for r in self.records if r.id != record.id)
        return dataclasses.replace(self, records=kept)

    def with_queued(self, queued: Queued) -> State:
        """Return the state with a notebook that waits; an earlier state of it waits no more."""
        others = (q for q in self.queued if q.path != queued.path)
        return dataclasses.replace(self, queued=(*others, queued))

    def without_queued(self, path: str) -> State:
        """Return the state when nothing of a notebook waits any more."""
        return dataclasses.replace(self, queued=tuple(q for q in self.queued if q.path != path))

    def with_approved(self, marks: set[str]) -> State:
        """Return the state after somebody said that what was found may leave."""
        return dataclasses.replace(self, approved=self.approved | marks)


# Changes that could not be written yet, by service.
_unwritten: dict[str, list[Callable[[State], State]]] = {}


def forget_unwritten() -> None:
    """Forget what could not be written, as the kernel's end does."""
    _unwritten.clear()


class StateFile:
    """What is remembered of one service.

    Parameters
    ----------
    service
        The service's address.
    """

    def __init__(self, service: str) -> None:
        self.service = service
        self.set_aside: str | None = None
        """The file into which a damaged one was put last, if there was one."""
        self._put_aside: bytes | None = None

    def state(self) -> State:
        """Return what is remembered now.

        Raises
        ------
        FilesError
            If it cannot be read.
        """
        operations = store_selection.current()
        return self._with_unwritten(operations.run(self._read(operations.store)).state)

    def known(self) -> State:
        """Return what is remembered now; where it cannot be read, what this kernel knows."""
        try:
            return self.state()
        except FilesError:
            return self._with_unwritten(State())

    def note(self, change: Callable[[State], State]) -> State | None:
        """Change what is remembered, in this kernel alone where nothing can be written.

        Parameters
        ----------
        change
            Returns the new state for the one that is there.

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
        """Change what is remembered, whatever else changes it meanwhile.

        Parameters
        ----------
        change
            Returns the new state for the one that is there.

        Raises
        ------
        FilesError
            If it cannot be kept.
        """
        operations = store_selection.current()
        return operations.run(self._change(operations.store, change))

    def remember_token(self, token: Token | None) -> None:
        """Keep the token for the next kernel. Where nothing can be kept, share without."""
        self.note(lambda state: dataclasses.replace(state, token=token))

    def enqueue(self, path: str, body: bytes, taken: float) -> Queued:
        """Keep what could not be sent.

        Parameters
        ----------
        path
            Where the notebook is.
        body
            What was to be sent.
        taken
            When, in seconds since 1970.

        Raises
        ------
        FilesError
            If it cannot be kept.
        """
        queued = Queued(path, f"{FOLDER}/queued-{uuid.uuid4().hex}.json", taken)
        operations = store_selection.current()
        operations.run(operations.store.write({queued.file: body}))
        before = self.state()
        try:
            self.change(lambda state: state.with_queued(queued))
        except FilesError:  # a file that nothing leads to would only take room
            operations.run(_remove(operations.store, queued.file))
            raise
        for old in before.queued:
            if old.path == path:
                operations.run(_remove(operations.store, old.file))
        return queued

    def body_of(self, queued: Queued) -> bytes | None:
        """Return what was to be sent, or None if it is gone."""
        operations = store_selection.current()
        file = operations.run(operations.store.read(queued.file))
        return None if file is None else file[1]

    def leave_out(self, queued: Queued) -> None:
        """Let what is damaged wait no more; its file stays."""
        self.note(
            lambda state: dataclasses.replace(
                state, queued=tuple(q for q in state.queued if q != queued)
            )
        )

    def dequeue(self, path: str) -> None:
        """Forget what waited of a notebook: it was sent."""
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
    """What was read: the state of one service, all services', the version, damaged bytes."""

    state: State
    everything: dict[str, Any]
    version: str | None
    damaged: bytes | None


async def _remove(store: Store, path: str) -> None:
    if await store.exists(path):
        await store.remove(path)


def _object(data: bytes) -> dict[str, Any] | None:
    """Return the JSON object in a file; None for what was damaged."""
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
    """Read a state without what cannot be read, and tell whether that was all of it."""
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
    except TypeError:  # something is missing
        return None


# As dataclasses name them: annotations are not evaluated here.
_JSON_TYPES: dict[Any, Any] = {
    "str": str,
    "float": (int, float),
    "float | None": (int, float, type(None)),
    "tuple[str, ...]": list,
}
