"""Sharing from a notebook: what `je_kernel.share` and `je_kernel.open_shared` do."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import secrets
import time
from typing import TYPE_CHECKING

from je_kernel import notebook, settings
from je_kernel.errors import FilesError
from je_kernel.files import names, store_selection
from je_kernel.notebook import NotebookError
from je_kernel.sharing import personal_data, snapshot
from je_kernel.sharing.addresses import Service, reference_of
from je_kernel.sharing.errors import (
    NoSharingServiceError,
    NoSuchShareError,
    NotYourShareError,
    PersonalDataError,
    ServiceRefusedError,
    SharingError,
    TooLargeError,
    UnreachableServiceError,
)
from je_kernel.sharing.protocol import Protocol
from je_kernel.sharing.share_display import (
    SET_ASIDE,
    UNREMEMBERED,
    NotShared,
    Retried,
    Revoked,
    Share,
)
from je_kernel.sharing.share_state import Record, StateFile
from je_kernel.sharing.snapshot import Snapshot
from je_kernel.sharing.viewer import SharedNotebook

if TYPE_CHECKING:
    from collections.abc import Callable

    from je_kernel.sharing.protocol import Ids
    from je_kernel.sharing.share_state import Queued, State

__all__ = ["ShareCommand", "open_shared", "share"]

# What was confirmed so lately is there: no need to ask the service again.
_CONFIRMED_SECONDS = 24 * 3600

_NOT_KEPT = (
    "There was no room here to keep it until later: share it again then, or download it now and "
    "hand in the file."
)


class ShareCommand:
    """Share a notebook: get a link that everyone who has it can read.

    Call it: ``share()``. The first time makes the link; sharing again later
    shows the newer state under the same link. `retry` sends what could not be
    sent before, `revoke` ends a share.
    """

    def __call__(
        self,
        name: str | None = None,
        *,
        title: str | None = None,
        clear_outputs: bool = False,
        allow_personal_data: bool = False,
        keep_metadata: bool = False,
    ) -> Share | NotShared:
        """Share a notebook.

        Parameters
        ----------
        name
            The notebook's file name; by default the notebook this runs in.
        title
            What to call it where it is shown.
        clear_outputs
            Whether to leave out what the cells show.
        allow_personal_data
            Whether to share it although it seems to hold personal data.
        keep_metadata
            Whether to send all its metadata, also what tells about you.

        Returns
        -------
        Share or NotShared
            The link; or, where there is no service or no network, what was
            kept and how to go on.

        Raises
        ------
        PersonalDataError
            If it seems to hold what should not leave. Nothing was sent.
        TooLargeError
            If it is larger than the service takes; the cells are named.
        InvalidNotebookError
            If it is not a valid notebook.
        NotebookError
            If it cannot be told which notebook is meant.
        """
        found = notebook.current(name)
        taken = snapshot.take(
            found.path,
            found.content,
            running=found.cell_id,
            title=title,
            clear_outputs=clear_outputs,
            keep_metadata=keep_metadata,
        )
        try:
            service = _service()
        except NoSharingServiceError as error:
            return NotShared(str(error), found.name, taken.data)
        sharing = _Sharing(service)
        sharing.ask_consent(taken, allow_personal_data=allow_personal_data)
        snapshot.check(taken)
        shared = sharing.share_or_keep(taken, unsaved=found.unsaved)
        if isinstance(shared, Share):
            others = sharing.send_waiting()
            return dataclasses.replace(shared, problems=sharing.problems(), others=others)
        return shared

    def retry(self) -> Retried:
        """Send what could not be sent before.

        Returns
        -------
        Retried
            A tuple of what became of each notebook that waited: a `Share` or a `NotShared`.
        """
        return Retried(_Sharing(_service()).send_waiting())

    def revoke(self, name: str | None = None) -> Revoked:
        """Have the service delete what was shared of a notebook. The notebook itself stays.

        Parameters
        ----------
        name
            The notebook's file name, also if it was renamed or deleted since; or its
            link, its words or its UUID; by default the notebook this runs in.

        Returns
        -------
        Revoked
            Which link shows nothing any more.

        Raises
        ------
        NoSuchShareError
            If it was not shared from here.
        NotYourShareError
            If the service does not let this computer delete it.
        ServiceRefusedError
            If the service deletes nothing.
        UnreachableServiceError
            If the service does not answer.
        """
        return _Sharing(_service()).revoke(name)

    def __repr__(self) -> str:
        return "<share: write je_kernel.share() to share this notebook>"


share = ShareCommand()


def open_shared(id_or_link: str) -> SharedNotebook:
    """Open a notebook that somebody shared, to read it.

    Parameters
    ----------
    id_or_link
        The words of its link, in any case and with spaces or hyphens between
        them; or the link itself; or its UUID.

    Returns
    -------
    SharedNotebook
        A notebook shows it. Nothing of it is run. Its ``save_copy()`` makes a
        copy to work on.

    Raises
    ------
    NoSuchShareError
        If there is no such notebook.
    NoSharingServiceError
        If this site has no sharing service.
    UnreachableServiceError
        If the service does not answer.
    """
    reference = reference_of(id_or_link)
    if reference is None:
        raise NoSuchShareError(
            f"{id_or_link!r} names no shared notebook. Write the words of its link, as in "
            'je_kernel.open_shared("calm brave quiet otter"), or paste the whole link.'
        )
    sharing = _Sharing(_service())
    retrieved = sharing.protocol.retrieve(reference)
    link = sharing.service.link_to(retrieved.ids.readable_id)
    return SharedNotebook(retrieved.ids, link, retrieved.content)


def _service() -> Service:
    chosen = settings.current()
    if chosen.sharing_url is None:
        raise NoSharingServiceError(
            "This site has no sharing service, so no link could be made. You can still hand the "
            "notebook in as a file: right-click it in the list of files and choose Download. "
            "(Who runs this site can set JE_KERNEL_SHARING_URL.)"
        )
    return Service.at(chosen.sharing_url, chosen.sharing_link)


class _Sharing:
    """A service, and the state of this site's shares at it, which is read once."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._file = StateFile(service.root)
        self._state = self._file.known()
        self._all_kept = True
        self.protocol = Protocol(
            service,
            self._state.token,
            keep_token=self._file.remember_token,
            kept_token=lambda: self._file.known().token,
        )

    def problems(self) -> tuple[str, ...]:
        """Say what could not be remembered."""
        aside = self._file.set_aside
        said = [UNREMEMBERED] * (not self._all_kept)
        return (*said, *([SET_ASIDE.format(file=aside)] if aside and self._all_kept else ()))

    def ask_consent(self, taken: Snapshot, *, allow_personal_data: bool) -> None:
        """Refuse what holds personal data that nobody said may leave."""
        findings = personal_data.scan(taken.content)
        marks = {f"{taken.path}:{finding.mark}" for finding in findings}
        new = marks - self._state.approved if marks else marks
        if not new:
            return
        if allow_personal_data:
            self._note(lambda state: state.with_approved(new))
            return
        unapproved = tuple(f for f in findings if f"{taken.path}:{f.mark}" in new)
        raise PersonalDataError(personal_data.describe(unapproved), unapproved)

    def share_or_keep(
        self, taken: Snapshot, when: float | None = None, *, unsaved: bool = False
    ) -> Share | NotShared:
        """Share a snapshot, or keep it for later where the service cannot be had now."""
        when = time.time() if when is None else when
        try:
            shared = self._share(taken, when, unsaved=unsaved)
        except TooLargeError as error:  # than this service takes, which may be less than others do
            raise snapshot.too_large(taken, error.limit) from None
        except (UnreachableServiceError, ServiceRefusedError) as error:
            body = snapshot.encoded({"content": taken.content, "title": taken.title})
            kept = self._keep(taken.path, body, when)
            reason = str(error) if kept else f"{error} {_NOT_KEPT}"
            return NotShared(reason, names.name_of(taken.path), taken.data, kept=kept)
        if any(queued.path == taken.path for queued in self._state.queued):
            with contextlib.suppress(FilesError):
                self._file.dequeue(taken.path)
            self._state = self._file.known()
        return shared

    def _keep(self, path: str, body: bytes, when: float) -> bool:
        try:
            self._file.enqueue(path, body, when)
        except FilesError:
            return False  # a full disk: the file itself is still offered
        return True

    def _share(self, taken: Snapshot, when: float, *, unsaved: bool) -> Share:
        record = self._record_of(taken)
        if record is not None and _is_confirmed(record, taken):
            return self._shown(record, taken, "unchanged", unsaved=unsaved)
        if record is not None:
            try:
                ids = self.protocol.update(record.id, taken.data, record.password)
            except (NoSuchShareError, NotYourShareError):
                # Lost to us: whoever has the old link sees what it showed, if anything.
                return self._created(taken, when, record, unsaved=unsaved)
            new = self._remember(taken, ids, record.password, when)
            return self._shown(new, taken, "updated", ids, unsaved=unsaved)
        return self._created(taken, when, None, unsaved=unsaved)

    def _created(
        self, taken: Snapshot, when: float, lost: Record | None, *, unsaved: bool
    ) -> Share:
        """Make a share: the first of this notebook, or one in place of one that is lost to us."""
        password = secrets.token_urlsafe(24)
        # To the service the same content from the same session is the same share: a copy of a
        # notebook gets a link of its own from a new session.
        if any(record.fingerprint == taken.fingerprint for record in self._state.records):
            self.protocol.token = None
        ids = self.protocol.create(taken.data, password)
        made = _record(taken, ids, password, when)
        first = self._first(made, lost)
        if first.id != made.id:
            # Another kernel shared the same notebook at the same time: one link is enough.
            with contextlib.suppress(SharingError):
                self.protocol.delete(made.id, password)
            return self._share(taken, when, unsaved=unsaved)
        if first.password != password:
            # In the same session it is the same share, and has the password that came last.
            self.protocol.create(taken.data, first.password)
        return self._shown(first, taken, "replaced" if lost else "new", ids, unsaved=unsaved)

    def _first(self, made: Record, lost: Record | None) -> Record:
        """Remember a new share, unless another kernel was quicker; return the one that stands."""
        first = made

        def change(state: State) -> State:
            nonlocal first
            known = state.without_record(lost) if lost else state
            quicker = (r for r in known.records if r.path == made.path and r.is_of(made.cells))
            first = next(quicker, made)
            return known if first is not made else known.with_record(made)

        self._note(change)
        return first

    def _remember(self, taken: Snapshot, ids: Ids, password: str, when: float) -> Record:
        record = _record(taken, ids, password, when)
        self._note(lambda state: state.with_record(record))
        return record

    def _note(self, change: Callable[[State], State]) -> None:
        """Remember something, where it can be kept: a full disk must not cost the link."""
        state = self._file.note(change)
        self._all_kept = self._all_kept and state is not None
        self._state = state or self._file.known()

    def _record_of(self, taken: Snapshot) -> Record | None:
        """Return the earlier share of this notebook, also if it was renamed since."""
        records = self._state.records
        for record in records:
            if record.path == taken.path:
                return record if record.is_of(taken.cell_ids) else None
        renamed = [r for r in records if not set(r.cells).isdisjoint(taken.cell_ids)]
        if not renamed:
            return None
        try:
            operations = store_selection.current()
            there = set(operations.run(operations.store.paths()))
        except FilesError:
            return None
        return next((record for record in renamed if record.path not in there), None)

    def revoke(self, name: str | None) -> Revoked:
        """Have a share deleted, and send nothing of it that still waits."""
        path, record = self._named(name)
        with contextlib.suppress(FilesError):
            self._file.dequeue(path)
        if record is None:
            raise NoSuchShareError(
                f"{names.name_of(path)!r} was not shared from here, so there is nothing to take "
                "back."
            )
        self.protocol.delete(record.id, record.password)
        self._note(lambda state: state.without_record(record))
        return Revoked(names.name_of(path), self.service.link_to(record.readable_id))

    def _named(self, name: str | None) -> tuple[str, Record | None]:
        """Return the path of a notebook and its share, by link, words, id or file name."""
        records = self._state.records
        if name is not None and (reference := reference_of(name)) is not None:
            for record in records:
                if record.id == reference.uuid or record.readable_id in reference.candidates:
                    return record.path, record
        try:
            found = notebook.current(name)
            taken = snapshot.take(found.path, found.content)
        except (NotebookError, FilesError, SharingError):
            # Renamed or deleted since: it is known by the name that it had.
            wanted = f"/{(name or '').removesuffix('.ipynb')}.ipynb"
            for record in records:
                if f"/{record.path}".endswith(wanted):
                    return record.path, record
            if name is None or "://" not in name:
                raise
            return name, None
        return taken.path, self._record_of(taken)

    def _shown(
        self, record: Record, taken: Snapshot, how: str, ids: Ids | None = None, *, unsaved: bool
    ) -> Share:
        return Share(
            link=self.service.link_to(record.readable_id),
            id=record.id,
            readable_id=record.readable_id,
            taken=record.taken,
            notebook=taken.path,
            title=taken.title,
            how=how,
            unsaved=unsaved,
            kept_until=ids.kept_until if ids else None,
        )

    def send_waiting(self) -> tuple[Share | NotShared, ...]:
        """Send the notebooks that wait, until the service cannot be had."""
        results: list[Share | NotShared] = []
        for queued in self._state.queued:
            taken = self._waiting(queued)
            if taken is None:
                continue
            if isinstance(taken, NotShared):
                results.append(taken)
                continue
            try:
                result = self.share_or_keep(taken, queued.taken)
            except (SharingError, FilesError) as error:  # of this notebook alone
                name = names.name_of(queued.path)
                results.append(NotShared(str(error), name, taken.data, kept=True))
                continue
            results.append(result)
            if isinstance(result, NotShared):
                break
        return tuple(results)

    def _waiting(self, queued: Queued) -> Snapshot | NotShared | None:
        """Return what waits; why it cannot be sent, if it is damaged; None if it is not there."""
        try:
            body = self._file.body_of(queued)
        except FilesError:  # it may be read the next time
            return None
        if body is None:  # another kernel has sent it
            self._file.leave_out(queued)
            return None
        try:
            kept = json.loads(body)
            content, title = kept["content"], str(kept["title"])
            taken = Snapshot(queued.path, content, snapshot.encoded(content), title)
            _ = taken.cell_ids
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, SharingError):
            self._file.leave_out(queued)
            return NotShared(
                f"What waited to be sent is damaged. It is kept as {queued.file}. Open the "
                "notebook and share it again.",
                names.name_of(queued.path),
                body,
            )
        return taken


def _record(taken: Snapshot, ids: Ids, password: str, when: float) -> Record:
    return Record(
        taken.path, ids.id, ids.readable_id, password, taken.fingerprint, when, taken.cell_ids
    )


def _is_confirmed(record: Record, taken: Snapshot) -> bool:
    age = time.time() - record.taken
    return record.fingerprint == taken.fingerprint and 0 <= age < _CONFIRMED_SECONDS
