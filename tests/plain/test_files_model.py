"""Two kernels on one folder against a plain dictionary: nothing is lost, whatever the order."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from je_kernel import errors
from je_kernel.coroutines import run
from je_kernel.files.file_objects import open_in_memory
from je_kernel.files.operations import Operations
from je_kernel.files.store import Refusal
from je_kernel.files.store_folder import FolderStore

KERNELS = st.sampled_from([0, 1])
NAMES = st.sampled_from(["a.txt", "b.txt", "f/a.txt", "f/g/b.txt"])
TEXTS = st.text("xyz\n", max_size=6)


class Folder(RuleBasedStateMachine):
    """Kernels that save, append, look, rename, copy and delete in turn."""

    handles = Bundle("handles")

    def __init__(self) -> None:
        super().__init__()
        self.root = tempfile.mkdtemp()
        self.stores = [FolderStore(self.root), FolderStore(self.root)]
        self.model: dict[str, str] = {}
        self.looks: dict[tuple[int, str], tuple[object, int]] = {}
        self.changes: dict[str, int] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    def files(self, kernel):
        return Operations(self.stores[kernel])

    def changed(self, *names):
        for name in names:
            self.changes[name] = self.changes.get(name, 0) + 1

    @rule(kernel=KERNELS, name=NAMES, text=TEXTS)
    def save(self, kernel, name, text):
        run(self.files(kernel).save(name, text))
        self.model[name] = text
        self.changed(name)

    @rule(kernel=KERNELS, name=NAMES, text=TEXTS)
    def save_new(self, kernel, name, text):
        try:
            run(self.files(kernel).save(name, text, overwrite=False))
        except (errors.ExistingFileError, Refusal):
            assert name in self.model
        else:
            assert name not in self.model
            self.model[name] = text
            self.changed(name)

    @rule(kernel=KERNELS, name=NAMES)
    def look(self, kernel, name):
        with contextlib.suppress(errors.MissingFileError):
            info = run(self.files(kernel).info(name))
            self.looks[kernel, name] = info, self.changes[name]

    @rule(kernel=KERNELS, name=NAMES, text=TEXTS)
    def save_if_unchanged(self, kernel, name, text):
        if (kernel, name) not in self.looks:
            return
        info, count = self.looks[kernel, name]
        try:
            run(self.files(kernel).save(name, text, if_unchanged=info))
        except Refusal:
            assert count != self.changes[name]
        else:
            assert count == self.changes[name]
            self.model[name] = text
            self.changed(name)

    @rule(target=handles, kernel=KERNELS, name=NAMES, text=TEXTS.filter(bool))
    def open_to_append(self, kernel, name, text):
        old = run(self.files(kernel).opening(name, "a"))
        saves = lambda file: run(self.files(kernel).closing(name, file))  # noqa: E731
        file = open_in_memory(old, name, "a", saves)
        file.write(text)
        return name, file, text

    @rule(handle=consumes(handles))
    def close(self, handle):
        name, file, text = handle
        file.close()
        self.model[name] = self.model.get(name, "") + text
        self.changed(name)

    @rule(kernel=KERNELS, old=NAMES, new=NAMES, moves=st.booleans())
    def transfer(self, kernel, old, new, moves):
        files = self.files(kernel)
        try:
            run((files.rename if moves else files.copy)(old, new, overwrite=False))
        except errors.MissingFileError:
            assert old not in self.model
        except (errors.ExistingFileError, Refusal):
            assert old == new or new in self.model
        else:
            self.model[new] = self.model.pop(old) if moves else self.model[old]
            self.changed(old, new)

    @rule(kernel=KERNELS, name=NAMES)
    def delete(self, kernel, name):
        try:
            run(self.files(kernel).delete(name))
        except errors.MissingFileError:
            assert name not in self.model
        else:
            del self.model[name]
            self.changed(name)

    @rule(kernel=KERNELS)
    def restart(self, kernel):
        self.stores[kernel] = FolderStore(self.root)

    @invariant()
    def both_kernels_see_what_the_model_holds(self):
        for kernel in (0, 1):
            for name in ("a.txt", "b.txt", "f/a.txt", "f/g/b.txt"):
                there = run(self.files(kernel).exists(name))
                seen = run(self.files(kernel).read_bytes(name)).decode() if there else None
                assert seen == self.model.get(name), (kernel, name)


TestTheFolder = Folder.TestCase
TestTheFolder.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def test_of_many_kernels_that_change_a_file_at_once_none_loses_its_change(tmp_path):
    kernels = [FolderStore(tmp_path) for _ in range(8)]

    def count(store):
        for _ in range(20):
            run(Operations(store).edit("n.txt", lambda now: b"%d" % (int(now or b"0") + 1)))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(count, kernels))
    assert run(Operations(kernels[0]).read_bytes("n.txt")) == b"160"


@pytest.mark.parametrize("ending", ["", "-wal"])
def test_a_local_copy_never_replaces_what_changed_since(tmp_path, ending):
    from je_kernel.files import local_copy

    files = Operations(FolderStore(tmp_path))
    run(files.save("x.db" + ending, b"old"))
    with local_copy.temporary_folder() as folder:
        taken = run(local_copy.check_out(files, "x.db", folder, must_exist=False))
        (folder / ("x.db" + ending)).write_bytes(b"mine")
        run(files.save("x.db" + ending, b"theirs"))
        with pytest.raises(errors.ChangedFileError, match="mine"):
            run(local_copy.check_in(files, taken))
    assert run(files.read_bytes("x.db" + ending)) == b"theirs"
    assert run(files.read_bytes("x (mine).db" + ending)) == b"mine"
