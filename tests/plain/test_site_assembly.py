"""Every part of Pyodide comes, verified, from the first source that has it."""

import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

from je_site import own_wheel as own_wheel_module
from je_site.assembly import assemble, assemble_core
from je_site.errors import AssemblyError
from je_site.progress import Reporter

from .tiny_pyodide import WHEELS, assembled, tiny_lock, wheel_bytes

pytestmark = [pytest.mark.plain, pytest.mark.slow]

#: What PyPI alone has: to leave it out saves a run of pip, which takes a second.
ON_PYPI = {"comm", "ipython", "pyodide-http"}


def paths(requests):
    return [request.path for request in requests]


def half_files(cache):
    return [path for path in cache.rglob("*") if path.name.startswith((".part", ".work"))]


def test_pyodides_servers_are_asked_first(world, core_in_cache):
    found = assembled(tiny_lock(), without=ON_PYPI)
    assert found["numpy"].read_bytes() == WHEELS["numpy-2.4.3-py3-none-any.whl"]
    assert "/releases/314.0.3/numpy-2.4.3-py3-none-any.whl" in paths(world.requests)


def test_what_no_release_has_comes_from_pypi(world, core_in_cache):
    assert assembled(tiny_lock())["comm"].read_bytes() == WHEELS["comm-0.2.3-py3-none-any.whl"]


def test_without_pyodides_servers_the_mirror_and_pypi_have_everything(world, core_in_cache):
    world.releases_are_down()
    found = assembled(tiny_lock())
    assert {found[name].read_bytes() for name in ("numpy", "micropip")} == {
        WHEELS["numpy-2.4.3-py3-none-any.whl"],
        WHEELS["micropip-0.11.1-py3-none-any.whl"],
    }


def test_servers_that_cannot_be_reached_are_asked_once(world, core_in_cache, monkeypatch):
    from je_site import sources

    asked = []
    real = sources.urllib.request.urlopen
    world.releases_are_down()
    monkeypatch.setattr(
        sources.urllib.request, "urlopen", lambda r, **k: (asked.append(r), real(r, **k))[1]
    )
    assembled(tiny_lock(), without=ON_PYPI)
    assert len(asked) == 1


def test_a_full_cache_needs_no_network(world, full_cache):
    world.everything_is_down()
    assert assembled(full_cache).keys() >= {"numpy", "comm", "je-kernel", "piplite"}
    assert world.requests == []


def test_a_stopped_assembly_goes_on_where_it_was(world, core_in_cache):
    assembled(tiny_lock(), without=ON_PYPI)
    wheel = tiny_lock().wheels["parso"]
    shutil.rmtree(core_in_cache.parents[1] / "wheels" / wheel.sha256)
    world.requests.clear()
    assembled(tiny_lock(), without=ON_PYPI)
    assert paths(world.requests) == ["/releases/314.0.3/parso-0.8.6-py3-none-any.whl"]


def test_a_damaged_file_in_the_cache_is_fetched_again(world, full_cache, cache):
    wheel = full_cache.wheels["numpy"]
    path = cache / "wheels" / wheel.sha256 / wheel.file_name
    path.write_bytes(b"damaged")
    assert assembled(full_cache)["numpy"].read_bytes() == WHEELS[wheel.file_name]


def test_a_source_with_another_file_is_passed_over(world, core_in_cache):
    path = world.releases / "314.0.3" / "numpy-2.4.3-py3-none-any.whl"
    path.write_bytes(b"<html>This page is blocked by your school.</html>")
    found = assembled(tiny_lock(), without=ON_PYPI)
    assert found["numpy"].read_bytes() == WHEELS[path.name]


def test_a_wrong_hash_everywhere_is_one_sentence_and_leaves_nothing(world, core_in_cache, cache):
    lock = tiny_lock(numpy={"sha256": "0" * 64, "sources": ["release"]})
    with pytest.raises(AssemblyError) as caught:
        assembled(lock, without=ON_PYPI)
    message = str(caught.value)
    assert "numpy-2.4.3-py3-none-any.whl" in message
    assert "not the file that the lock means" in message
    assert "\n" not in message
    assert not (cache / "wheels" / ("0" * 64)).exists() or not any(
        (cache / "wheels" / ("0" * 64)).iterdir()
    )
    assert half_files(cache) == []


def test_pypi_with_another_file_is_one_sentence(world, core_in_cache):
    (world.pypi / "comm-0.2.3-py3-none-any.whl").write_bytes(wheel_bytes("comm", "0.2.3", "x=1"))
    with pytest.raises(AssemblyError, match=r"comm-0\.2\.3.*PyPI: what it gives is not the file"):
        assembled(tiny_lock())


def test_a_connection_that_breaks_off_leaves_nothing(core_in_cache, cache, world, monkeypatch):
    import http.server
    import threading

    class Half(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")

        def log_message(self, *_):
            pass

    from je_site import sources

    server = http.server.HTTPServer(("127.0.0.1", 0), Half)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    monkeypatch.setattr(sources, "release_url", lambda _: address)
    try:
        with pytest.raises(AssemblyError, match="the connection broke off 4 bytes into parso"):
            assembled(
                tiny_lock(parso={"sources": ["release"]}),
                without=ON_PYPI | {"micropip", "jedi", "numpy"},
            )
    finally:
        server.shutdown()
        server.server_close()
    assert half_files(cache) == []
    assert not list((cache / "wheels").rglob("parso*"))


def test_no_source_at_all_is_one_sentence_that_names_them(world, core_in_cache):
    world.everything_is_down()
    with pytest.raises(AssemblyError) as caught:
        assembled(tiny_lock())
    message = str(caught.value)
    assert "\n" not in message
    assert "and 7 more could not be had from anywhere" in message
    assert all(name in message for name in ("Pyodide's servers", "PyPI's mirror 1.0", "PyPI:"))
    assert "connect to the internet once" in message


def test_what_was_fetched_is_kept_when_something_else_is_missing(world, core_in_cache, cache):
    world.pypi_is_down()
    with pytest.raises(AssemblyError, match="comm"):
        assembled(tiny_lock())
    wheel = tiny_lock().wheels["numpy"]
    assert (cache / "wheels" / wheel.sha256 / wheel.file_name).is_file()


def test_an_optional_package_that_cannot_be_had_is_left_out(world, full_cache, cache):
    world.everything_is_down()
    shutil.rmtree(cache / "wheels" / full_cache.wheels["numpy"].sha256)
    lock = tiny_lock(numpy={"sources": ["release"], "optional": True})
    _, packages = assemble(lock, Reporter(), compiled=False)
    assert "numpy" not in {package.name for package in packages}


def test_one_that_others_need_is_an_empty_one(world, full_cache, cache):
    world.everything_is_down()
    shutil.rmtree(cache / "wheels" / full_cache.wheels["parso"].sha256)
    lock = tiny_lock(parso={"sources": ["release"], "optional": True})
    _, packages = assemble(lock, Reporter(), compiled=False)
    parso = next(package for package in packages if package.name == "parso")
    assert parso.imports == ()
    assert not [name for name in zipfile.ZipFile(parso.path).namelist() if name.endswith(".py")]


def test_the_core_comes_from_npm(world, cache):
    folder = assemble_core(tiny_lock().core, Reporter())
    assert (folder / "pyodide.mjs").read_bytes().startswith(b"export const loadPyodide")
    assert "/npm/pyodide-314.0.6.tgz" in paths(world.requests)


def test_without_npm_the_core_comes_from_pyodides_servers(world, cache, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assemble_core(tiny_lock().core, Reporter())
    assert "/releases/314.0.6/pyodide.mjs" in paths(world.requests)


def test_without_npm_and_servers_one_sentence_says_so(world, cache, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    world.releases_are_down()
    with pytest.raises(
        AssemblyError, match=r"^Pyodide 314\.0\.6 could not be had.*npm is not inst"
    ):
        assemble_core(tiny_lock().core, Reporter())
    assert half_files(cache) == []


def test_an_unreachable_registry_is_one_sentence(world, cache):
    world.npm_is_down()
    world.releases_are_down()
    with pytest.raises(AssemblyError) as caught:
        assemble_core(tiny_lock().core, Reporter())
    assert "\n" not in str(caught.value)
    assert "npm: " in str(caught.value)


def test_another_archive_from_npm_is_not_used(world, cache):
    (world.npm / "pyodide-314.0.6.tgz").write_bytes(b"something else")
    assemble_core(tiny_lock().core, Reporter())
    assert "/releases/314.0.6/pyodide.mjs" in paths(world.requests)


def test_two_processes_at_once_share_a_cache(world, core_in_cache, cache, tmp_path):
    program = tmp_path / "assemble.py"
    program.write_text(
        "from je_site import sources\n"
        f"sources.release_url = lambda version: {world.url!r} + f'releases/{{version}}/'\n"
        "from tests.plain.tiny_pyodide import assembled, tiny_lock\n"
        f"print(len(assembled(tiny_lock(), without={ON_PYPI})))\n"
    )
    root = own_wheel_module.locks_folder().parent
    environment = {**os.environ, "PYTHONPATH": str(root)}
    both = [
        subprocess.Popen(
            [sys.executable, program], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert [process.communicate()[0].strip() for process in both] == ["9", "9"]
    assert half_files(cache) == []


def test_a_deployers_wheel_is_described_by_its_metadata(full_cache, tmp_path):
    path = tmp_path / "lesson-1.0-py3-none-any.whl"
    requires = ("numpy>=2", "pywin32; sys_platform == 'win32'", "pytest; extra == 'test'")
    path.write_bytes(wheel_bytes("lesson", "1.0", requires=requires))
    _, packages = assemble(full_cache, Reporter(), compiled=False, extra_wheels=[path])
    lesson = next(package for package in packages if package.name == "lesson")
    assert (lesson.version, lesson.imports, lesson.depends) == ("1.0", ("lesson",), ("numpy",))


def test_a_deployers_file_that_is_no_wheel_is_one_sentence(full_cache, tmp_path):
    path = tmp_path / "lesson-1.0-py3-none-any.whl"
    path.write_bytes(b"not a zip")
    with pytest.raises(AssemblyError, match="is not a wheel that can be read"):
        assemble(full_cache, Reporter(), compiled=False, extra_wheels=[path])


def test_our_own_wheel_brings_what_it_needs(full_cache):
    _, packages = assemble(full_cache, Reporter(), compiled=False)
    own = next(package for package in packages if package.name == "je-kernel")
    assert "je_kernel" in own.imports
    assert "markdown-it-py" in own.depends


def test_pyodide_http_is_there_and_no_start_loads_it(full_cache):
    _, packages = assemble(full_cache, Reporter(), compiled=False)
    own = next(package for package in packages if package.name == "je-kernel")
    assert "Requires-Dist: pyodide-http" in metadata_of(own.path)
    assert "pyodide-http" in {package.name for package in packages}
    assert not any("pyodide-http" in package.depends for package in packages)


def metadata_of(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        return archive.read(name).decode()


def test_our_own_wheel_is_the_same_when_built_again(tmp_path, monkeypatch):
    checkout = own_wheel_module.locks_folder().parent
    contents = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.setenv("JE_KERNEL_CACHE_DIR", str(tmp_path / "cache"))
        contents.append(own_wheel_module._build(checkout, folder).read_bytes())
    assert contents[0] == contents[1]


def test_without_node_everything_works_and_one_warning_says_what_is_lost(
    full_cache, monkeypatch, tmp_path, capsys
):
    assembled(full_cache)  # our own wheel is built while there is a PATH
    monkeypatch.setenv("PATH", str(tmp_path))
    _, packages = assemble(full_cache, Reporter())
    assert len(packages) == 12
    said = capsys.readouterr().err
    assert re.search(r"^je-kernel: Node 18 or newer is not installed.*starts more slowly\.$", said)
