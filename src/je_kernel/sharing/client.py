"""The functions `je_kernel.share` and `je_kernel.open_shared`."""

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
from je_kernel.sharing import personal_data
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
from je_kernel.sharing.snapshot import Snapshot, check, encoded, take, too_large
from je_kernel.sharing.viewer import SharedNotebook

if TYPE_CHECKING:
    from collections.abc import Callable

    from je_kernel.sharing.protocol import Ids
    from je_kernel.sharing.share_state import Queued, State

__all__ = ["ShareCommand", "open_shared", "share"]

# An unchanged share that was confirmed within this time needs no request.
_CONFIRMED_SECONDS = 24 * 3600

_NOT_KEPT = (
    "There was no room here to keep it until later: share it again then, or download it now and "
    "hand in the file."
)


class ShareCommand:
    """Share a notebook: get a link that everyone who has it can read.

    Call it: ``share()``. The first call makes the link; a later call updates what
    the link shows. `retry` sends notebooks that could not be sent before, `revoke`
    deletes a share.
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
            The title of the shared notebook.
        clear_outputs
            Whether to leave out the outputs.
        allow_personal_data
            Whether to share it even if it seems to contain personal data.
        keep_metadata
            Whether to send all its metadata, including what identifies its author.

        Returns
        -------
        Share or NotShared
            The link; or, without a service or a network, the reason and the next step.

        Raises
        ------
        PersonalDataError
            If it seems to contain personal data. Nothing was sent.
        TakenDownError
            If the service's operator blocked the share or its content.
        TooLargeError
            If it is larger than the service accepts; the message names the cells.
        InvalidNotebookError
            If it is not a valid notebook.
        NotebookError
            If it is unknown which notebook to share.
        """
        current = notebook.current(name)
        snapshot = take(
            current.path,
            current.content,
            running=current.cell_id,
            title=title,
            clear_outputs=clear_outputs,
            keep_metadata=keep_metadata,
        )
        try:
            service = _service()
        except NoSharingServiceError as error:
            return NotShared(str(error), current.name, snapshot.data)
        sharing = _Sharing(service)
        sharing.ask_consent(snapshot, allow_personal_data=allow_personal_data)
        check(snapshot)
        shared = sharing.share_or_keep(snapshot, unsaved=current.unsaved)
        if isinstance(shared, Share):
            others = sharing.send_waiting()
            return dataclasses.replace(shared, problems=sharing.problems(), others=others)
        return shared

    def retry(self) -> Retried:
        """Send the notebooks that could not be sent before.

        Returns
        -------
        Retried
            A tuple with a `Share` or a `NotShared` for each queued notebook.
        """
        return Retried(_Sharing(_service()).send_waiting())

    def revoke(self, name: str | None = None) -> Revoked:
        """Delete a share at the service. The notebook itself stays.

        Parameters
        ----------
        name
            The notebook's file name, even if it was renamed or deleted since; or its
            link, its words or its UUID; by default the notebook this runs in.

        Returns
        -------
        Revoked
            The link that is dead now.

        Raises
        ------
        NoSuchShareError
            If it was not shared from this browser.
        NotYourShareError
            If the service does not allow this browser to delete it.
        ServiceRefusedError
            If the service does not support deletion.
        TakenDownError
            If the service's operator blocked the share.
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
        A notebook displays it, without running anything of it. Its ``save_copy()``
        saves a copy to work on.

    Raises
    ------
    NoSuchShareError
        If there is no such notebook.
    NoSharingServiceError
        If this site has no sharing service.
    TakenDownError
        If the service's operator blocked the notebook.
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
        """Return sentences about state that could not be saved or read."""
        aside = self._file.set_aside
        if not self._all_kept:
            return (UNREMEMBERED,)
        return (SET_ASIDE.format(file=aside),) if aside else ()

    def ask_consent(self, snapshot: Snapshot, *, allow_personal_data: bool) -> None:
        """Raise `PersonalDataError` for personal data that was not allowed before."""
        findings = personal_data.scan(snapshot.content)
        marks = {f"{snapshot.path}:{finding.mark}" for finding in findings}
        new = marks - self._state.approved if marks else marks
        if not new:
            return
        if allow_personal_data:
            self._note(lambda state: state.with_approved(new))
            return
        unapproved = tuple(f for f in findings if f"{snapshot.path}:{f.mark}" in new)
        raise PersonalDataError(personal_data.describe(unapproved), unapproved)

    def share_or_keep(
        self, snapshot: Snapshot, when: float | None = None, *, unsaved: bool = False
    ) -> Share | NotShared:
        """Share a snapshot, or queue it if the service is unavailable."""
        when = time.time() if when is None else when
        try:
            shared = self._share(snapshot, when, unsaved=unsaved)
        except TooLargeError as error:  # this service's limit may be below the default
            raise too_large(snapshot, error.limit) from None
        except (UnreachableServiceError, ServiceRefusedError) as error:
            body = encoded({"content": snapshot.content, "title": snapshot.title})
            is_kept = self._keep(snapshot.path, body, when)
            reason = str(error) if is_kept else f"{error} {_NOT_KEPT}"
            return NotShared(reason, names.name_of(snapshot.path), snapshot.data, kept=is_kept)
        if any(queued.path == snapshot.path for queued in self._state.queued):
            with contextlib.suppress(FilesError):
                self._file.dequeue(snapshot.path)
            self._state = self._file.known()
        return shared

    def _keep(self, path: str, body: bytes, when: float) -> bool:
        try:
            self._file.enqueue(path, body, when)
        except FilesError:
            return False  # a full disk: the file itself is still offered
        return True

    def _share(self, snapshot: Snapshot, when: float, *, unsaved: bool) -> Share:
        record = self._record_of(snapshot)
        if record is not None and _is_confirmed(record, snapshot):
            return self._shown(record, snapshot, "unchanged", unsaved=unsaved)
        if record is not None:
            try:
                ids = self.protocol.update(record.id, snapshot.data, record.password)
            except (NoSuchShareError, NotYourShareError):
                # The share is lost: its link shows the old state, if anything.
                return self._created(snapshot, when, record, unsaved=unsaved)
            new = self._remember(snapshot, ids, record.password, when)
            return self._shown(new, snapshot, "updated", ids, unsaved=unsaved)
        return self._created(snapshot, when, None, unsaved=unsaved)

    def _created(
        self, snapshot: Snapshot, when: float, lost: Record | None, *, unsaved: bool
    ) -> Share:
        """Create a share: the first of this notebook, or a replacement of a lost one."""
        password = secrets.token_urlsafe(24)
        # To the service the same content from the same session is the same share: a copy of a
        # notebook gets a link of its own from a new session.
        if any(record.fingerprint == snapshot.fingerprint for record in self._state.records):
            self.protocol.token = None
        ids = self.protocol.create(snapshot.data, password)
        new = _record(snapshot, ids, password, when)
        first = self._first(new, lost)
        if first.id != new.id:
            # Another kernel shared the same notebook at the same time: one link is enough.
            with contextlib.suppress(SharingError):
                self.protocol.delete(new.id, password)
            return self._share(snapshot, when, unsaved=unsaved)
        if first.password != password:
            # In the same session this is the same share, with the password that was sent last.
            self.protocol.create(snapshot.data, first.password)
        return self._shown(first, snapshot, "replaced" if lost else "new", ids, unsaved=unsaved)

    def _first(self, new: Record, lost: Record | None) -> Record:
        """Record a new share unless another kernel recorded one first; return the valid record."""
        first = new

        def change(state: State) -> State:
            nonlocal first
            known = state.without_record(lost) if lost else state
            quicker = (r for r in known.records if r.path == new.path and r.is_of(new.cells))
            first = next(quicker, new)
            return known if first is not new else known.with_record(new)

        self._note(change)
        return first

    def _remember(self, snapshot: Snapshot, ids: Ids, password: str, when: float) -> Record:
        record = _record(snapshot, ids, password, when)
        self._note(lambda state: state.with_record(record))
        return record

    def _note(self, change: Callable[[State], State]) -> None:
        """Change the state, if it can be written: a full disk must not prevent a share."""
        state = self._file.note(change)
        self._all_kept = self._all_kept and state is not None
        self._state = state or self._file.known()

    def _record_of(self, snapshot: Snapshot) -> Record | None:
        """Return the earlier share of this notebook, even if it was renamed since."""
        records = self._state.records
        for record in records:
            if record.path == snapshot.path:
                return record if record.is_of(snapshot.cell_ids) else None
        renamed = [r for r in records if not set(r.cells).isdisjoint(snapshot.cell_ids)]
        if not renamed:
            return None
        try:
            operations = store_selection.current()
            there = set(operations.run(operations.store.paths()))
        except FilesError:
            return None
        return next((record for record in renamed if record.path not in there), None)

    def revoke(self, name: str | None) -> Revoked:
        """Delete a share, and remove the notebook from the queue."""
        path, record = self._named(name)
        with contextlib.suppress(FilesError):
            self._file.dequeue(path)
        if record is None:
            raise NoSuchShareError(
                f"{names.name_of(path)!r} was not shared from here, so there is nothing to revoke."
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
            current = notebook.current(name)
            snapshot = take(current.path, current.content)
        except (NotebookError, FilesError, SharingError):
            # The file was renamed or deleted: look for its former name.
            wanted = f"/{(name or '').removesuffix('.ipynb')}.ipynb"
            for record in records:
                if f"/{record.path}".endswith(wanted):
                    return record.path, record
            if name is None or "://" not in name:
                raise
            return name, None
        return snapshot.path, self._record_of(snapshot)

    def _shown(
        self, record: Record, snapshot: Snapshot, how: str, ids: Ids | None = None, *, unsaved: bool
    ) -> Share:
        return Share(
            link=self.service.link_to(record.readable_id),
            id=record.id,
            readable_id=record.readable_id,
            taken=record.taken,
            notebook=snapshot.path,
            title=snapshot.title,
            how=how,
            unsaved=unsaved,
            kept_until=ids.kept_until if ids else None,
        )

    def send_waiting(self) -> tuple[Share | NotShared, ...]:
        """Send the queued notebooks, until the service is unavailable."""
        results: list[Share | NotShared] = []
        for queued in self._state.queued:
            snapshot = self._waiting(queued)
            if snapshot is None:
                continue
            if isinstance(snapshot, NotShared):
                results.append(snapshot)
                continue
            try:
                result = self.share_or_keep(snapshot, queued.taken)
            except (SharingError, FilesError) as error:  # only this notebook fails
                name = names.name_of(queued.path)
                results.append(NotShared(str(error), name, snapshot.data, kept=True))
                continue
            results.append(result)
            if isinstance(result, NotShared):
                break
        return tuple(results)

    def _waiting(self, queued: Queued) -> Snapshot | NotShared | None:
        """Return a queued snapshot, the reason if its file is damaged, None if it is gone."""
        try:
            body = self._file.body_of(queued)
        except FilesError:  # the next attempt may succeed
            return None
        if body is None:  # another kernel has sent it
            self._file.leave_out(queued)
            return None
        try:
            fields = json.loads(body)
            content, title = fields["content"], str(fields["title"])
            snapshot = Snapshot(queued.path, content, encoded(content), title)
            _ = snapshot.cell_ids
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, SharingError):
            self._file.leave_out(queued)
            return NotShared(
                f"What waited to be sent is damaged. It is kept as {queued.file}. Open the "
                "notebook and share it again.",
                names.name_of(queued.path),
                body,
            )
        return snapshot


def _record(snapshot: Snapshot, ids: Ids, password: str, when: float) -> Record:
    return Record(
        snapshot.path,
        ids.id,
        ids.readable_id,
        password,
        snapshot.fingerprint,
        when,
        snapshot.cell_ids,
    )


def _is_confirmed(record: Record, snapshot: Snapshot) -> bool:
    age = time.time() - record.taken
    return record.fingerprint == snapshot.fingerprint and 0 <= age < _CONFIRMED_SECONDS
