"""What lessons need and a site lacks is locked, and had from then on without a network."""

import json
from pathlib import Path

import pytest

from je_site import assembly, lesson_packages, site_lock
from je_site.build import BuildOptions
from je_site.command import main
from je_site.errors import AssemblyError, LockError
from je_site.known_names import ALTERNATIVES
from je_site.lesson_packages import SiteNeeds, lock_site, modules_in, site_lock_for_build
from je_site.lock import locks_folder
from je_site.progress import Reporter
from je_site.site_lock import SiteLock, merge_site_lock, read_site_lock

from .test_site_lessons import notebook
from .tiny_pyodide import SHAPELY, World, fill_cache, reachable, tiny_lock, wheel_bytes

pytestmark = [pytest.mark.plain, pytest.mark.slow]

#: A platform of other computers.
LINUX = "cp314-cp314-manylinux2014_x86_64"


class Said(Reporter):
    """Remembers the warnings."""

    def __init__(self):
        super().__init__()
        self.warnings = []

    def warn(self, text):
        assert "\n" not in text
        self.warnings.append(text)

    def about(self, word):
        return [text for text in self.warnings if word in text]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A world, a full cache and a tiny lock, for all tests of this module."""
    folder = tmp_path_factory.mktemp("own-lock")
    with pytest.MonkeyPatch.context() as monkeypatch:
        lock = fill_cache(folder / "cache", monkeypatch)
        monkeypatch.setattr(lesson_packages, "read_lock", lambda *_: lock)
        with reachable(folder, monkeypatch) as world:
            yield world


@pytest.fixture
def lessons(tmp_path):
    """Write lessons, each of some cells."""

    def write(**cells):
        folder = tmp_path / "lessons"
        folder.mkdir(exist_ok=True)
        for name, sources in cells.items():
            (folder / f"{name}.ipynb").write_text(notebook(*sources))
        return folder

    return write


def locked(folder, *requested, update=False, wheels=()):
    said = Said()
    needs = SiteNeeds((folder,), requested, wheels)
    added = lock_site(folder / "je-kernel.lock", needs, said, update=update)
    return added, said


def test_what_lessons_import_and_the_site_lacks_is_locked(here: World, lessons):
    here.publish("chart", "6.1.0", requires=("narwhal>=1", "numpy", "pywin32; os_name == 'nt'"))
    here.publish("narwhal", "2.0")
    here.publish("narwhal", "0.9")
    here.publish("pencil-case", "1.0", module="pencils")
    here.publish("deep", "2.0", tag=LINUX)
    here.publish("shared-ours", "1.0", module="shared/ours")
    here.publish("old-typing", "1.0", module="typing")
    here.publish("smile", "1.0", module="frown")
    folder = lessons(
        plots=["import numpy, os, je_kernel", "import chart.express as cx", "import chart"],
        maps=["import shapely", "import wget", "try:\n    import deep\nexcept ImportError: pass"],
        words=["%pip install pencil-case", "import pencils", "import deep.layers"],
        moods=["import smile", "import nosuchthing", "!pip install numpy==1.0"],
        old=["!pip install old-typing shared-ours", "import shared.ours, shared.theirs"],
        odd=["import météo, _mine", "import jedi_extra", "__import__('a b')"],
    )
    added, said = locked(folder)

    assert {name: wheel.version for name, wheel in added.wheels.items()} == {
        "chart": "6.1.0",
        "narwhal": "2.0",
        "old-typing": "1.0",
        "pencil-case": "1.0",
        "shapely": "2.1.2",
        "shared-ours": "1.0",
    }
    assert added.wheels["chart"].depends == ("narwhal", "numpy")
    assert added.wheels["pencil-case"].imports == ("pencils",)
    assert added.wheels["shared-ours"].imports == ("shared", "shared.ours")
    assert added.wheels["old-typing"].imports == ()  # Python's own is never hidden.
    assert added.wheels["shapely"].file_name == SHAPELY
    assert added.wheels["shapely"].sources == ("release",)
    assert set(added.unavailable) == {
        *("deep", "smile", "nosuchthing", "shared"),
        *("météo", "_mine", "jedi_extra", "a b"),
    }

    (taken,) = said.about("chart 6.1.0")
    assert "from PyPI is taken for import chart.express (plots.ipynb, cell 2)" in taken
    assert said.about("words.ipynb, cell 3 imports deep: PyPI has deep for other computers only")
    assert said.about("moods.ipynb, cell 1 imports smile: no package is known that has it")
    assert said.about("moods.ipynb, cell 2 imports nosuchthing: PyPI has no package nosuchthing")
    assert said.about("moods.ipynb, cell 3 asks for numpy==1.0; the site has numpy 2.4.3")
    assert not said.about("wget")
    assert not said.about("shared.ours")

    # What was written is what was found, and is enough for every later build.
    assert read_site_lock(folder / "je-kernel.lock") == added
    again = Said()
    with here.out_of_reach():
        needs = SiteNeeds((folder,))
        assert site_lock_for_build(folder / "je-kernel.lock", needs, again) == added
        lock = merge_site_lock(tiny_lock(), added)
        _, packages = assembly.assemble(lock, Reporter(), compiled=False)
    assert {"chart", "shapely"} <= {package.name for package in packages}
    assert again.about("imports deep: PyPI has deep for other computers only")


def test_lessons_that_need_nothing_further_make_no_lock(here: World, lessons):
    folder = lessons(
        a=["import numpy, math", "from google import colab", "from google.colab import drive"]
    )
    with here.out_of_reach():
        assert site_lock_for_build(folder / "je-kernel.lock", SiteNeeds((folder,)), Said()) is None
    assert [path.name for path in folder.iterdir()] == ["a.ipynb"]


def test_the_command_locks_and_names_the_file(here: World, lessons, capsys):
    here.publish("spoken", "1.0")
    folder = lessons(a=["import spoken"])
    assert main(["lock", "--contents", str(folder)]) == 0
    assert "je-kernel.lock states 1 package." in capsys.readouterr().out
    assert read_site_lock(folder / "je-kernel.lock").wheels["spoken"].version == "1.0"
    assert main(["lock"]) == 1
    assert "name the lessons with --contents" in capsys.readouterr().err


def test_the_lock_is_beside_what_it_is_of(tmp_path):
    lessons = tmp_path / "a.ipynb"
    lessons.touch()
    beside = tmp_path / "je-kernel.lock"
    assert BuildOptions(contents=(lessons,)).site_lock_path == beside
    assert BuildOptions(contents=(tmp_path,)).site_lock_path == beside
    assert BuildOptions(lite_dir=tmp_path, contents=(tmp_path / "x",)).site_lock_path == beside
    assert BuildOptions(packages=("plotly",)).site_lock_path == Path("je-kernel.lock")
    assert BuildOptions().site_lock_path is None


def test_the_lock_is_changed_on_request_alone(here: World, lessons):
    here.publish("steady", "1.0")
    folder = lessons(a=["import steady"])
    first, _ = locked(folder)
    here.publish("steady", "1.1")
    here.publish("further", "1.0")
    lessons(b=["1", "import further"])
    said = Said()
    assert site_lock_for_build(folder / "je-kernel.lock", SiteNeeds((folder,)), said) == first
    (missing,) = said.about("je-kernel lock")
    assert "b.ipynb, cell 2 imports further" in missing
    more, _ = locked(folder)
    assert {n: w.version for n, w in more.wheels.items()} == {"steady": "1.0", "further": "1.0"}
    newest, _ = locked(folder, update=True)
    assert newest.wheels["steady"].version == "1.1"


def test_a_request_is_kept_and_goes_before_what_lessons_ask_for(here: World, lessons):
    for version in ("4.0", "5.0", "6.0"):
        here.publish("wide", version)
    folder = lessons(a=["%pip install wide==4.0"], b=["%pip install wide==5.0"])
    added, said = locked(folder)
    assert added.wheels["wide"].version == "6.0"  # Two versions cannot be in one site.
    (conflict,) = said.about("wide")
    assert "wide==4.0 in a.ipynb, cell 1; wide==5.0 in b.ipynb, cell 1" in conflict
    added, said = locked(folder, "wide<6")
    assert added.wheels["wide"].version == "5.0"
    assert not said.about("wide")
    added, _ = locked(folder)  # The lock remembers what was requested.
    assert (added.requested, added.wheels["wide"].version) == (("wide<6",), "5.0")
    with pytest.raises(LockError, match=r"wide>=6 is requested, and je-kernel.lock states wide 5"):
        site_lock_for_build(folder / "je-kernel.lock", SiteNeeds((folder,), ("wide>=6",)), Said())


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ("deep2", r"deep2 is requested and cannot be had: PyPI has deep2 for other computers only"),
        ("numpy>=3", r"numpy>=3 is requested, and the site has numpy 2\.4\.3"),
        ("wide[", r"'wide\[' is not a requirement"),
        ("wide @ https://example.org/wide.whl", r"is an address: fetch the wheel"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_sentence(here: World, lessons, request_, sentence):
    here.publish("deep2", "2.0", tag=LINUX)
    folder = lessons(a=["1"])
    with pytest.raises(LockError, match=sentence) as caught:
        locked(folder, request_)
    assert "\n" not in str(caught.value)
    assert not (folder / "je-kernel.lock").exists()


def test_an_older_version_with_a_wheel_for_browsers_is_taken(here: World, lessons):
    here.publish("faster", "2.0", tag=LINUX)
    here.publish("faster", "1.5")
    here.publish("slower", "3.0", tag="cp314-abi3-pyemscripten_2026_0_wasm32")
    here.publish("slower", "4.0", tag="cp313-cp313-pyemscripten_2025_0_wasm32")
    folder = lessons(a=["%pip install faster==2.0", "import slower"])
    added, said = locked(folder)
    assert {n: w.version for n, w in added.wheels.items()} == {"faster": "1.5", "slower": "3.0"}
    assert said.about("faster==2.0 in a.ipynb, cell 1")[0].count("The site gets faster 1.5")


def test_extras_and_what_the_deployers_wheels_need_are_locked(here: World, lessons, tmp_path):
    here.publish("kit", "1.0", requires=("screws; extra == 'all'", "kit[nails]; extra == 'all'"))
    here.publish("screws", "1.0")
    here.publish("ours-needs", "1.0")
    wheel = tmp_path / "ours-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel_bytes("ours", "1.0", requires=("ours-needs",)))
    folder = lessons(a=["%pip install kit[all]", "import ours"])
    added, _ = locked(folder, wheels=(wheel,))
    assert set(added.wheels) == {"kit", "screws", "ours-needs"}
    assert added.wheels["kit"].depends == ("screws",)


def test_no_network_is_one_sentence(here: World, lessons, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    folder = lessons(a=["import distant"])
    path, said = folder / "je-kernel.lock", Said()
    assert site_lock_for_build(path, SiteNeeds((folder,)), said) is None
    assert said.about("PyPI cannot be reached")
    assert not path.exists()
    with pytest.raises(LockError, match="PyPI cannot be reached"):
        site_lock_for_build(path, SiteNeeds((folder,), ("distant",)), Said())


def test_what_only_pyodides_servers_have_says_so_where_they_are_out_of_reach(here, lessons, cache):
    here.publish("sea", "1.0", requires=("shapely",))
    folder = lessons(a=["import sea"])
    with here.without_releases(cache):
        added, said = locked(folder)
    assert added.wheels == {}
    (text,) = said.about("a.ipynb, cell 1 imports sea")
    assert "only Pyodide's servers have shapely for browsers, and did not give it" in text


def test_another_file_than_the_locked_one_is_refused(here: World, lessons):
    here.publish("signed", "1.0")
    folder = lessons(a=["import signed"])
    path = folder / "je-kernel.lock"
    locked(folder)
    data = json.loads(path.read_text())
    data["packages"]["signed"]["sha256"] = "1" * 64
    path.write_text(json.dumps(data))
    lock = merge_site_lock(tiny_lock(), read_site_lock(path))
    with pytest.raises(AssemblyError, match=r"signed-1\.0.*is not the file that the lock means"):
        assembly.assemble(lock, Reporter(), compiled=False)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"file_name": "../../x-1.0-py3-none-any.whl"}, "has a file name that is a path"),
        ({"sha256": "x"}, "has no sha256"),
        ({"file_name": "x-2.0-py3-none-any.whl"}, "is a wheel of version 2.0"),
        ({"file_name": "x.tar.gz"}, "is not a wheel"),
        ({"sources": ["https://example.org"]}, "comes from"),
        ({"unknown": 1}, "cannot be read"),
    ],
)
def test_a_lock_that_was_tampered_with_is_refused(tmp_path, change, sentence):
    entry = {
        "version": "1.0",
        "file_name": "x-1.0-py3-none-any.whl",
        "sha256": "0" * 64,
        "imports": ["x"],
        "depends": [],
        "sources": ["pypi"],
    }
    data = {"version": 1, "series": "314", "requested": [], "unavailable": {}}
    path = tmp_path / "je-kernel.lock"
    path.write_text(json.dumps({**data, "packages": {"x": entry}}))
    assert read_site_lock(path).wheels["x"].sha256 == "0" * 64
    path.write_text(json.dumps({**data, "packages": {"x": {**entry, **change}}}))
    with pytest.raises(LockError, match=sentence):
        read_site_lock(path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 99}', '{"version": 1}'])
def test_a_damaged_lock_is_one_sentence(tmp_path, content):
    path = tmp_path / "je-kernel.lock"
    path.write_text(content)
    with pytest.raises(LockError, match="je-kernel lock"):
        read_site_lock(path)


def added_wheel(file_name):
    version = file_name.split("-")[1]
    wheel = site_lock.Wheel("x", version, file_name, "0" * 64, ("x",), (), ("pypi",))
    return SiteLock("314", wheels={"x": wheel})


def test_a_wheel_for_another_python_or_computer_is_refused():
    merge_site_lock(tiny_lock(), added_wheel("x-1.0-cp314-cp314-pyemscripten_2026_0_wasm32.whl"))
    for tag in ("cp313-cp313-pyemscripten_2025_0_wasm32", LINUX):
        with pytest.raises(LockError, match=r"not for Python 3\.14 in a browser"):
            merge_site_lock(tiny_lock(), added_wheel(f"x-1.0-{tag}.whl"))
    with pytest.raises(LockError, match=r"is for Pyodide 0\.29"):
        merge_site_lock(tiny_lock(), SiteLock("0.29"))


def test_packages_that_need_each_other_do_not_wait_for_each_other(here: World, lessons):
    """Pyodide installs a package after those that it needs, and would wait for ever."""
    here.publish("egg", "1.0", requires=("hen",))
    here.publish("hen", "1.0", requires=("egg", "hen[proud]"))
    added, _ = locked(lessons(a=["import egg"]))
    assert added.wheels["egg"].depends == ("hen",)
    assert added.wheels["hen"].depends == ("egg",)
    lock = merge_site_lock(tiny_lock(), added)
    _, packages = assembly.assemble(lock, Reporter(), compiled=False)
    depends = {package.name: set(package.depends) for package in packages}
    assert ("hen" in depends["egg"]) != ("egg" in depends["hen"])


def test_a_part_of_a_shared_namespace_is_named_in_full(tmp_path):
    import zipfile

    path = tmp_path / "x-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in (
            "google/cloud/storage/__init__.py",
            "google/cloud/storage/blob.py",
            "one.py",
            "_two.cpython-314-wasm32-emscripten.so",
            "x-1.0.data/purelib/three/__init__.py",
            "x-1.0.data/data/share/y.py",
            "x-1.0.dist-info/METADATA",
            "not-a-name/z.py",
        ):
            archive.writestr(name, "")
    assert modules_in(path) == {"google.cloud.storage", "one", "_two", "three"}


def test_every_alternative_is_a_package_that_a_site_can_have():
    """The table is made by hand."""
    have = set()
    for path in (*locks_folder().glob("pyodide-314.lock.json"), *_pyodides_own_locks()):
        data = json.loads(Path(path).read_text())
        have |= set(data.get("wheels", {})) | set(data.get("packages", {}))
    missing = {name for name, _ in ALTERNATIVES.values()} - have
    assert not missing or not _pyodides_own_locks()


def _pyodides_own_locks():
    from platformdirs import user_cache_dir

    return sorted(Path(user_cache_dir("je-kernel")).glob("core/pyodide-314*/pyodide-lock.json"))
