"""Two kernels of one page, on two stores, against a plain dictionary: nothing is lost.

Hypothesis makes long sequences of steps, and of each step a model says how it ends. They are
played in a real page afterwards, all steps of one kernel that follow each other in one message.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.site.bare_kernel import BareKernel
from tests.site.test_files_stores import SHIPPED, files_site, files_site_folder

__all__ = ["files_site", "files_site_folder"]

SEQUENCES = 4
STEPS = 60
BETWEEN = 9
MIXED = "folder of the site of ours"
MUST_BE_MET = {
    (action, MIXED, end, store)
    for action, end in (("copy", None), ("delete", None), ("rename", "ReadOnlyError"))
    for store in ("contents", "drive")
}
SITE = {path: data.decode("latin-1") for path, data in SHIPPED.items()}
OWN_FILES = ("a.txt", "f/a.txt", "f/g/b.txt", "data/own.txt", "data/deep/own.txt")
KERNELS = st.sampled_from([0, 1])
STORES = st.sampled_from(["contents", "drive"])
FILES_NAMED = (*OWN_FILES, "people.csv", "data/points.csv", "data/deep/things.json")
FILES = st.sampled_from(FILES_NAMED)
FOLDERS = st.sampled_from(["f", "f/g", "data", "data/deep", "h", "data/h"])
UNREACHABLE = "(the site does not answer)"

# What a kernel does for each step. The name of an error is an outcome like others.
PLAYER = (
    f"UNREACHABLE = {UNREACHABLE!r}"
    + """
import json, warnings
import js
from je_kernel import files
from je_kernel.files import store_selection

warnings.simplefilter("ignore")
js.eval("self.onlineFetch = self.fetch")
handles, looks = {}, {}

def text_of(name):
    try:
        return files.read_bytes(name).decode("latin-1")
    except files.StoreError:
        return UNREACHABLE

def tree(folder="/"):
    found = {}
    for info in files.list(folder):
        found[info.path] = None if info.folder else text_of(f"/{info.path}")
        if info.folder:
            found.update(tree(f"/{info.path}"))
    return found

def look(name):
    looks.pop(name, None)
    looks[name] = files.info(name)

def begin(number, name):
    handles[number] = files.open(name, "a")

def end(number, text):
    with handles.pop(number) as file:
        file.write(text)

def learn():
    # The kernel remembers the folders of the site that it looked at.
    for folder in ("data/deep", "my notes"):
        if files.exists(folder):
            files.list(folder)

def connect(function):
    js.eval(f"self.fetch = {function}; undefined")
    learn()

def restart(store):
    looks.clear()
    store_selection.reset()
    if store == "drive":
        store_selection.use(store_selection._drive())
    learn()
    return store_selection.select().store.name.split("'")[0].strip()

def empty():
    for info in files.list():
        try:
            files.delete(info.name, recursive=True)
        except files.ReadOnlyError:
            pass

ACTIONS = dict(
    save=lambda name, text: files.save(name, text) and None,
    save_new=lambda name, text: files.save(name, text, overwrite=False) and None,
    save_if_unchanged=lambda name, text:
        files.save(name, text, if_unchanged=looks[name]) and None,
    look=look, begin=begin, end=end, restart=restart, tree=tree, empty=empty,
    mkdir=lambda name: files.mkdir(name, exist_ok=True) and None,
    copy=lambda old, new, over: files.copy(old, new, overwrite=over) and None,
    rename=lambda old, new, over: files.rename(old, new, overwrite=over) and None,
    delete=lambda name: files.delete(name, recursive=True),
    offline=lambda: connect("async () => { throw Error('offline') }"),
    online=lambda: connect("self.onlineFetch"),
)

def outcome(action, *given):
    try:
        return ACTIONS[action](*given)
    except files.FilesError as error:
        return type(error).__name__

def play(steps):
    print(json.dumps([outcome(*step) for step in json.loads(steps)]))
"""
)


def parents_of(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: index + 1]) for index in range(len(parts))]


def is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


@dataclass(frozen=True)
class Step:
    kernel: int
    action: str
    given: tuple[Any, ...]
    expected: Any
    situation: tuple[Any, ...]


@dataclass
class View:
    """What one kernel knows, and how it gets at files."""

    store: str = "contents"
    offline: bool = False
    blind: bool = False  # it began while the site did not answer
    looks: dict[str, Any] = field(default_factory=dict)


class Model(RuleBasedStateMachine):
    """Makes steps, and says of each how it must end."""

    played: list[list[Step]]

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self.compared = 0
        self.about = ""  # what the next step meets
        self.own: dict[str, str] = {}
        self.folders: set[str] = set()
        self.versions: dict[str, int] = {}
        self.views = [View(), View()]
        self.handles: dict[int, tuple[int, str]] = {}

    def teardown(self) -> None:
        for kernel in (0, 1):
            self.do(kernel, "online")
            self.views[kernel].offline = self.views[kernel].blind = False
            self.compare(kernel)
        self.played.append(self.steps)

    def do(self, kernel: int, action: str, *given: Any, expected: Any = None) -> None:
        view = self.views[kernel]
        end = None if action == "tree" else expected
        situation = (action, self.about, end, view.store, view.offline, view.blind)
        self.steps.append(Step(kernel, action, given, expected, situation))
        self.about = ""

    @precondition(lambda self: len(self.steps) - self.compared >= BETWEEN)
    @invariant()
    def compare_now_and_then(self):
        self.compare(len(self.steps) % 2)

    # What there is ---------------------------------------------------------

    def site(self, kernel: int) -> dict[str, str]:
        """The site's files, as far as a kernel knows of them."""
        return {} if self.views[kernel].blind else SITE

    def site_has(self, kernel: int, folder: str) -> bool:
        return any(path.startswith(f"{folder}/") for path in self.site(kernel))

    def has_own(self, path: str) -> bool:
        return any(is_in(one, path) for one in (*self.own, *self.folders))

    def is_folder(self, kernel: int, path: str) -> bool:
        there = (*self.own, *self.folders)
        return (
            path in self.folders
            or any(one.startswith(f"{path}/") for one in there)
            or self.site_has(kernel, path)
        )

    def kind(self, kernel: int, path: str) -> str:
        """Tell what a path leads to: a file or folder, and whose it is."""
        what = "folder" if self.is_folder(kernel, path) else "file"
        shipped = path in self.site(kernel) or self.site_has(kernel, path)
        return f"{what} {'of the site' * shipped} {'of ours' * self.has_own(path)}"

    def texts(self, kernel: int) -> dict[str, str]:
        """What a kernel reads, by path."""
        view = self.views[kernel]
        unreachable = view.offline and view.store == "contents"
        site = self.site(kernel)
        return {**(dict.fromkeys(site, UNREACHABLE) if unreachable else site), **self.own}

    def version(self, kernel: int, name: str) -> int | str | None:
        return self.versions.get(name) or ("site" if name in self.site(kernel) else None)

    def write(self, kernel: int, path: str, text: str) -> None:
        self.own[path] = text
        self.versions[path] = len(self.steps)
        self.make(kernel, parents_of(path))

    def make(self, kernel: int, folders: list[str]) -> None:
        self.folders |= {one for one in folders if not self.site_has(kernel, one)}

    def remove(self, path: str) -> None:
        for one in [one for one in self.own if is_in(one, path)]:
            del self.own[one], self.versions[one]
        self.folders -= {one for one in self.folders if is_in(one, path)}

    def text(self) -> str:
        """Another length for each step: so no two versions of a file are taken for one."""
        return "abcdefghij"[len(self.steps) % 10] * (len(self.steps) + 1)

    # Steps -----------------------------------------------------------------

    @initialize(first=STORES, second=STORES)
    def begin(self, first, second):
        self.do(0, "empty")
        for kernel, store in enumerate((first, second)):
            self.restart(kernel, store)
        self.save(0, "data/own.txt")

    @rule(kernel=KERNELS, store=STORES)
    def restart(self, kernel, store):
        view = self.views[kernel]
        name = "the contents database" if store == "contents" else "the mounted drive"
        self.do(kernel, "restart", store, expected=name)
        # The page tells the drive of the site's files, and remembers them.
        blind = view.offline and store == "contents"
        self.views[kernel] = View(store, view.offline, blind)

    @rule(kernel=KERNELS)
    def lose_or_find_the_site(self, kernel):
        view = self.views[kernel]
        self.do(kernel, "online" if view.offline else "offline")
        view.offline = not view.offline
        view.blind = False  # what it has seen by now, it remembers

    @rule(kernel=KERNELS, name=FILES)
    def save(self, kernel, name):
        text = self.text()
        self.do(kernel, "save", name, text)
        self.write(kernel, name, text)

    @rule(kernel=KERNELS, name=FILES)
    def save_new(self, kernel, name):
        text, there = self.text(), name in self.texts(kernel)
        self.do(kernel, "save_new", name, text, expected="ExistingFileError" if there else None)
        if not there:
            self.write(kernel, name, text)

    @rule(kernel=KERNELS, name=FILES)
    def look(self, kernel, name):
        version = self.version(kernel, name)
        self.do(kernel, "look", name, expected=None if version else "MissingFileError")
        self.views[kernel].looks.pop(name, None)
        if version:
            self.views[kernel].looks[name] = version

    @precondition(lambda self: any(view.looks for view in self.views))
    @rule(kernel=KERNELS, data=st.data())
    def save_if_unchanged(self, kernel, data):
        looks = self.views[kernel].looks
        if not looks:
            return
        name, text = data.draw(st.sampled_from(sorted(looks))), self.text()
        same = looks[name] == self.version(kernel, name)
        expected = None if same else "ChangedFileError"
        self.do(kernel, "save_if_unchanged", name, text, expected=expected)
        if same:
            self.write(kernel, name, text)

    @precondition(lambda self: len(self.handles) < 3)
    @rule(kernel=KERNELS, name=FILES)
    def open_to_append(self, kernel, name):
        number = len(self.steps)
        lost = self.texts(kernel).get(name) == UNREACHABLE
        self.do(kernel, "begin", number, name, expected="StoreError" if lost else None)
        if not lost:
            self.handles[number] = kernel, name

    @precondition(lambda self: self.handles)
    @rule(data=st.data())
    def close(self, data):
        number = data.draw(st.sampled_from(sorted(self.handles)))
        kernel, name = self.handles.pop(number)
        there, text = self.texts(kernel).get(name, ""), self.text()
        lost = there == UNREACHABLE
        self.do(kernel, "end", number, text, expected="StoreError" if lost else None)
        if not lost:
            self.write(kernel, name, there + text)

    @rule(kernel=KERNELS, name=FOLDERS)
    def mkdir(self, kernel, name):
        if self.views[kernel].blind:
            return
        self.do(kernel, "mkdir", name)
        self.make(kernel, [*parents_of(name), name])

    @rule(
        kernel=KERNELS,
        action=st.sampled_from(["copy", "rename"]),
        old=FILES,
        new=st.one_of(FILES, FOLDERS),
        over=st.booleans(),
    )
    def transfer_file(self, kernel, action, old, new, over):
        if new in FILES_NAMED or self.is_folder(kernel, new):
            self.transfer(kernel, action, old, new, over)

    @rule(kernel=KERNELS, action=st.sampled_from(["copy", "rename"]), old=FOLDERS, new=FOLDERS)
    def transfer_folder(self, kernel, action, old, new):
        self.transfer(kernel, action, old, new, False)

    def transfer(self, kernel, action, old, new, over):
        if self.views[kernel].blind:
            return
        texts = self.texts(kernel)
        is_folder = self.is_folder(kernel, old)
        target = new
        if self.is_folder(kernel, new):
            target = f"{new}/{old.rpartition('/')[2]}"
        sources = {path: text for path, text in texts.items() if is_in(path, old)}
        of_site = self.site_has(kernel, old) if is_folder else old not in self.own
        expected = None
        if not is_folder and not sources:
            expected = "MissingFileError"
        elif target == old:
            expected = "ExistingFileError"
        elif is_folder and target.startswith(f"{old}/"):
            expected = "BadNameError"
        elif self.is_folder(kernel, target) or (target in texts and is_folder):
            expected = "ExistingFileError"
        elif action == "rename" and of_site:
            expected = "ReadOnlyError"
        elif UNREACHABLE in sources.values():
            expected = "StoreError"
        elif target in texts and not over:
            expected = "ExistingFileError"
        self.about = self.kind(kernel, old)
        self.do(kernel, action, old, new, over, expected=expected)
        if expected:
            return
        folders = {one for one in self.folders if is_in(one, old)}
        if is_folder:
            folders |= {old, *(one for path in sources for one in parents_of(path))}
            folders = {one for one in folders if is_in(one, old)}
        if action == "rename":
            self.remove(old)
        for path, text in sources.items():
            self.write(kernel, target + path[len(old) :], text)
        self.make(kernel, [target + one[len(old) :] for one in folders] + parents_of(target))

    @rule(kernel=KERNELS, name=st.one_of(FILES, FOLDERS))
    def delete(self, kernel, name):
        there = name in self.texts(kernel) or self.is_folder(kernel, name)
        expected = None
        if not there:
            expected = "MissingFileError"
        elif not self.has_own(name):
            expected = "ReadOnlyError"
        self.about = self.kind(kernel, name)
        self.do(kernel, "delete", name, expected=expected)
        if expected is None:
            self.remove(name)

    def compare(self, kernel: int) -> None:
        texts = self.texts(kernel)
        folders = {one for path in (*texts, *self.folders) for one in parents_of(path)}
        expected = {**dict.fromkeys(folders | self.folders), **texts}
        self.do(kernel, "tree", expected=expected)
        self.compared = len(self.steps)


def sequences() -> list[list[Step]]:
    """A few of hypothesis's sequences that together meet most situations, always the same."""
    Model.played = []
    run_state_machine_as_test(
        Model,
        settings=settings(
            max_examples=100,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    chosen: list[list[Step]] = []
    met: set[tuple[Any, ...]] = set()

    def adds(steps: list[Step]) -> tuple[int, int]:
        all_met = met | {one.situation for one in steps}
        return len(MUST_BE_MET & {one[:4] for one in all_met}), len(all_met)

    for _ in range(SEQUENCES):
        chosen.append(max(Model.played, key=adds))
        met |= {one.situation for one in chosen[-1]}
    return chosen


def play(kernels: list[BareKernel], steps: list[Step]) -> None:
    """Play steps, and compare how each ends."""
    outcomes: list[Any] = []
    while len(outcomes) < len(steps):
        rest = steps[len(outcomes) :]
        kernel = rest[0].kernel
        others = (at for at, step in enumerate(rest) if step.kernel != kernel)
        batch = rest[: next(others, len(rest))]
        sent = json.dumps([(step.action, *step.given) for step in batch])
        outcomes += json.loads(kernels[kernel].run(f"play({sent!r})"))
        for at, (step, outcome) in enumerate(zip(steps, outcomes, strict=False)):
            if outcome != step.expected:
                told = (f"{one.kernel} {one.action}{one.given}" for one in steps[: at + 1])
                story = "\n".join(told)
                raise AssertionError(f"{story}\nends as\n{outcome}\nand not as\n{step.expected}")


def test_two_kernels_on_two_stores_agree_with_a_dictionary(fresh_page, files_site):
    chosen = sequences()
    assert {step.situation[:4] for steps in chosen for step in steps} >= MUST_BE_MET
    page = fresh_page.playwright
    kernels = [BareKernel.start(page, files_site.url, "one.ipynb")]
    kernels.append(kernels[0].another("two.ipynb"))
    for kernel in kernels:
        kernel.run(PLAYER)
    for steps in chosen:
        play(kernels, steps)
    # The page is loaded anew: a new kernel sees what the last ones left.
    kernels = [BareKernel.start(page, files_site.url)]
    kernels[0].run(PLAYER)
    play(kernels, [step for step in chosen[-1][-4:] if (step.kernel, step.action) == (0, "tree")])
