"""Imports that load what the site's lock has, on CPython with small packages of our own."""

import asyncio
import contextlib
import hashlib
import importlib
import importlib.util
import io
import subprocess
import sys
import zipfile

import pytest

from je_kernel import compatibility
from je_kernel.errors import PackageNotLoadedError
from je_kernel.imports import site_packages
from je_kernel.imports.loading import Loader, Locked, Unavailable
from je_kernel.imports.site_packages import SitePackagesFinder
from je_kernel.net import progress

PACKAGES = {
    "salt": {"salt": "import grain\n"},
    "grain": {"grain": "weight = 3\n"},
    "pepper-mill": {"pepper/__init__": "", "pepper/corn": "hot = True\n"},
    "left": {"left": "import right\n"},
    "right": {"right": "side = 'right'\n"},
    "broken": {"broken": "raise RuntimeError('broken inside')\n"},
    "shelf-a": {"shelf/a": ""},
    "shelf-b": {"shelf/b": ""},
    "misnamed": {"other": ""},
    "kitchen": {"kitchen": "try:\n    import grain\nexcept ImportError:\n    grain = None\n"},
}
DEPENDS = {"salt": ["grain"], "left": ["right"], "right": ["left", "nowhere"]}
IMPORTS = {"pepper-mill": ["pepper"], "shelf-a": ["shelf"], "shelf-b": ["shelf"]}


def wheel(modules):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, code in modules.items():
            archive.writestr(f"{name}.py", code)
    return file.getvalue()


FILES = {name: wheel(modules) for name, modules in PACKAGES.items()}


class Site:
    """The site's packages, and what was asked for of them."""

    def __init__(self, folder):
        self.folder = folder
        self.fetched = []
        self.shown = []
        self.offline = False
        self.files = dict(FILES)
        self.loaded = set()
        self.lock = {
            name: Locked(
                name=name,
                version="1.0",
                file_name=f"{name}.whl",
                sha256=hashlib.sha256(FILES[name]).hexdigest(),
                install_dir="site",
                imports=tuple(IMPORTS.get(name, [name])),
                depends=tuple(DEPENDS.get(name, ())),
            )
            for name in PACKAGES
        }
        self.owners = {top: name for name, each in self.lock.items() for top in each.imports}
        self.loader = Loader(self.lock, lambda: self.loaded, self.fetch, self.unpack)
        self.finder = SitePackagesFinder(lambda: self.owners, self.loader.load_owners)

    def fetch(self, package):
        self.fetched.append(package.name)
        if self.offline:
            raise Unavailable("the site does not answer")
        return self.files[package.name]

    def unpack(self, package, content):
        zipfile.ZipFile(io.BytesIO(content)).extractall(self.folder)
        self.loaded.add(package.name)


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    site = Site(tmp_path)
    before = set(sys.modules)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, site.finder])
    yield site
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_an_import_loads_the_package_and_what_it_needs_first(site):
    import salt

    assert salt.grain.weight == 3
    assert site.fetched == ["grain", "salt"]
    assert site.loaded == {"grain", "salt"}


def test_the_module_has_a_true_spec_and_is_not_looked_for_again(site):
    spec = importlib.util.find_spec("pepper")
    assert spec.origin == str(site.folder / "pepper" / "__init__.py")
    assert spec.submodule_search_locations == [str(site.folder / "pepper")]
    assert importlib.import_module("pepper.corn").hot
    assert importlib.reload(sys.modules["pepper"]).__spec__.origin == spec.origin
    assert site.fetched == ["pepper-mill"]


def test_a_submodule_that_the_package_lacks_is_not_looked_for_in_the_site(site):
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'pepper\.nosuch'"):
        importlib.import_module("pepper.nosuch")
    assert site.fetched == ["pepper-mill"]


def test_what_the_site_does_not_bring_is_missing_as_ever(site):
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'sugar'$"):
        import sugar  # noqa: F401
    assert importlib.util.find_spec("sugar") is None
    assert site.fetched == []


def test_packages_that_need_each_other_or_what_the_lock_lacks_are_loaded(site):
    import left

    assert left.right.side == "right"
    assert sorted(site.fetched) == ["left", "right"]


def test_two_packages_that_share_a_namespace_are_both_loaded(site):
    import shelf.a
    import shelf.b  # noqa: F401

    assert sorted(site.fetched) == ["shelf-a", "shelf-b"]


def test_a_namespace_that_is_there_already_gets_the_package_of_its_missing_part(site):
    (site.folder / "shelf").mkdir()
    (site.folder / "shelf" / "own.py").touch()
    importlib.invalidate_caches()
    import shelf.own

    assert site.fetched == []
    import shelf.b  # noqa: F401

    assert "shelf-b" in site.fetched


def test_a_module_of_the_students_own_comes_first(site, tmp_path):
    (tmp_path / "grain.py").write_text("weight = 'mine'\n")
    importlib.invalidate_caches()
    import grain

    assert (grain.weight, site.fetched) == ("mine", [])


def test_tasks_that_import_the_same_load_it_once_and_get_the_same_module(site):
    async def lesson():
        import salt

        return salt

    async def both():
        return await asyncio.gather(lesson(), lesson())

    one, other = asyncio.run(both())
    assert one is other
    assert site.fetched == ["grain", "salt"]


def test_a_package_that_raises_while_imported_raises_its_own_error_again_and_again(site):
    for _ in range(2):
        with pytest.raises(RuntimeError, match="broken inside"):
            import broken  # noqa: F401
    assert site.fetched == ["broken"]


def test_no_network_is_told_and_the_next_import_tries_again(site):
    site.offline = True
    with pytest.raises(PackageNotLoadedError) as caught:
        import salt
    assert str(caught.value) == (
        "Could not load grain 1.0 for 'import salt': the site does not answer."
    )
    assert caught.value.name == "salt"
    site.offline = False
    import salt

    assert salt.grain.weight == 3


def test_code_that_can_do_without_goes_on_when_there_is_no_network(site):
    import kitchen

    assert kitchen.grain.weight == 3
    for name in ("kitchen", "grain"):
        del sys.modules[name]
        (site.folder / f"{name}.py").unlink()
        site.loaded.remove(name)
    importlib.invalidate_caches()

    def only_the_kitchen(package):
        if package.name == "grain":
            raise Unavailable("the site does not answer")
        return site.files[package.name]

    site.loader._fetch = only_the_kitchen
    import kitchen

    assert kitchen.grain is None


@pytest.mark.parametrize("content", [FILES["salt"], b"", b"not a zip"])
def test_a_file_that_is_not_the_locks_is_refused(site, content):
    site.files["grain"] = content
    with pytest.raises(PackageNotLoadedError, match="not the one that this site's list") as caught:
        import grain  # noqa: F401
    assert "\n" not in str(caught.value)
    assert not site.loaded
    assert not (site.folder / "salt.py").exists()


def test_a_file_that_cannot_be_unpacked_is_told(site):
    def full(package, content):
        raise OSError(28, "No space left on device")

    site.loader._unpack = full
    with pytest.raises(PackageNotLoadedError, match=r"cannot be unpacked \(.*No space left"):
        import grain  # noqa: F401
    assert not site.loaded


def test_a_module_that_its_package_does_not_hold_is_missing_as_ever(site):
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match=r"^No module named 'misnamed'$"):
            import misnamed  # noqa: F401
    assert site.fetched == ["misnamed"]


def test_a_slow_load_shows_which_package_is_being_loaded(site, monkeypatch):
    class Display:
        def show(self, label, words, done, total):
            site.shown.append((label, words))

        def clear(self):
            site.shown.append("cleared")

    monkeypatch.setattr(progress, "_STEPS_PATIENCE_SECONDS", 0)
    site.loader._display = Display
    import salt  # noqa: F401

    assert site.shown == [("Loading grain", "1 of 2"), ("Loading salt", "2 of 2"), "cleared"]


def test_what_is_loaded_by_others_is_not_loaded_again(site):
    site.loaded.add("grain")
    (site.folder / "grain.py").write_text("weight = 4\n")
    import salt

    assert (salt.grain.weight, site.fetched) == (4, ["salt"])


def test_what_a_library_does_without_is_not_loaded_with_it_but_when_asked_for(site, monkeypatch):
    monkeypatch.setattr(site_packages, "DOES_WITHOUT", {"kitchen": frozenset({"grain"})})
    import kitchen

    assert (kitchen.grain, site.fetched) == (None, ["kitchen"])
    exec("import grain", vars(kitchen))
    assert kitchen.grain.weight == 3


def test_the_students_own_import_is_loaded_whatever_libraries_do_without(site, monkeypatch):
    monkeypatch.setattr(site_packages, "DOES_WITHOUT", {"kitchen": frozenset({"grain"})})
    import grain
    import kitchen

    assert kitchen.grain is grain


@pytest.mark.parametrize("module", ["jedi.inference.compiled", "IPython.core.completerlib"])
def test_completing_what_is_typed_loads_nothing(site, module):
    names = {"__name__": module}
    exec("import importlib.util\nspec = importlib.util.find_spec('grain')", names)
    with contextlib.suppress(ImportError):
        exec("import grain", names)
    assert (names["spec"], site.fetched) == (None, [])


def test_the_finder_is_last_once_and_goes_again():
    before = list(sys.meta_path)
    site_packages.install()
    site_packages.install()
    assert sys.meta_path[:-1] == before
    site_packages.uninstall()
    site_packages.uninstall()
    assert sys.meta_path == before


def test_outside_of_pyodide_no_module_belongs_to_the_site():
    assert compatibility.package_of_module() == {}


# Imports a library in a Python of its own, with the finder first: it is asked for all that
# the library looks for, and what it declines is found as ever. Prints what it loads.
ASK = """
import sys
from je_kernel.imports import site_packages
class Declines(frozenset):
    def __contains__(self, top):
        found = super().__contains__(top)
        if found:
            print("declined", top)
        return found
library = sys.argv[1]
tops = site_packages.DOES_WITHOUT[library]
site_packages.DOES_WITHOUT = {library: Declines(tops)}
load = lambda top: print("loaded", top)
finder = site_packages.SitePackagesFinder(lambda: dict.fromkeys(tops), load)
sys.meta_path.insert(0, finder)
__import__(library)
sys.meta_path.remove(finder)
"""


@pytest.mark.slow
@pytest.mark.parametrize("library", site_packages.DOES_WITHOUT)
def test_what_a_library_does_without_it_looks_for_as_it_is_imported(library):
    command = [sys.executable, "-c", ASK, library]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    for top in site_packages.DOES_WITHOUT[library]:
        assert f"declined {top}" in told
    assert not [line for line in told if line.startswith("loaded")]


def test_an_import_through_importlib_counts_as_its_callers(site, monkeypatch):
    monkeypatch.setattr(site_packages, "DOES_WITHOUT", {"kitchen": frozenset({"grain"})})
    code = "import importlib\ndef get(name):\n    return importlib.import_module(name)\n"
    code += "try:\n    get('grain')\nexcept ImportError:\n    pass\n"
    (site.folder / "kitchen.py").write_text(code)
    import kitchen

    assert site.fetched == []
    assert kitchen.get("grain").weight == 3
