"""The private parts of other packages that je-kernel uses are there, and do what it needs.

A test that fails after an update names what has changed; `je_kernel.compatibility` is the place
to follow it, or the script of ours that the test names.
"""

from pytest_pyodide import run_in_pyodide

from tests.kernel.test_net_people_packages import KERNEL


@run_in_pyodide(packages=["je-kernel"])
def test_emscriptens_module_has_the_allocator_and_the_heap(selenium_module_scope):
    from je_kernel.compatibility import emscripten_module

    module = emscripten_module()
    address = module._malloc(40)
    module._mallinfo(address)
    assert int(module.HEAPU32[(address >> 2) + 7]) > 1_000_000
    module._free(address)
    assert module._sbrk(0) > module._malloc_footprint() > 0
    limit = module._malloc_footprint_limit()
    module._malloc_set_footprint_limit(limit)
    assert module._malloc_footprint_limit() == limit


@run_in_pyodide(packages=["je-kernel"])
def test_the_signal_buffer_is_the_buffer_that_was_set(selenium_module_scope):
    # For net/engine_fetch.py, which reads it while Python waits, and interrupts.js.
    import pyodide_js
    from js import Uint8Array

    from je_kernel.compatibility import emscripten_module

    module = emscripten_module()
    buffer = Uint8Array.new(1)
    pyodide_js.setInterruptBuffer(buffer)
    assert module.Py_EmscriptenSignalBuffer.length == 1
    pyodide_js.setInterruptBuffer(None)
    assert module.__Py_emscripten_signal_clock > 0


@run_in_pyodide(packages=["je-kernel"])
def test_the_file_system_has_its_table_of_nodes(selenium_module_scope):
    # For files/drive.js, which drops nodes without a request to the page.
    import pyodide_js

    fs = pyodide_js.FS
    fs.writeFile("/tmp/table.txt", "x")
    folder = fs.lookupPath("/tmp").node
    node = fs.nameTable[fs.hashName(folder.id, "table.txt")]
    while node.name != "table.txt":
        node = node.name_next
    assert node.parent.id == folder.id


@run_in_pyodide(packages=["je-kernel"])
def test_pyodide_knows_the_package_of_a_module(selenium_module_scope):
    from je_kernel.compatibility import package_of_module

    assert package_of_module()["bs4"] == "beautifulsoup4"


@run_in_pyodide(packages=["je-kernel"])
def test_a_wheel_is_unpacked_where_packages_are(selenium_module_scope):
    import io
    import sysconfig
    import zipfile
    from pathlib import Path

    from je_kernel.compatibility import unpack_package

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as wheel:
        wheel.writestr("probe_of_unpacking.py", "x = 1")
        wheel.writestr("probe_of_unpacking-1.0.dist-info/METADATA", "Name: probe-of-unpacking\n")
    unpack_package(content.getvalue(), "probe_of_unpacking-1.0-py3-none-any.whl", "site")
    folder = Path(sysconfig.get_path("purelib"))
    assert (folder / "probe_of_unpacking.py").read_text() == "x = 1"
    installer = folder / "probe_of_unpacking-1.0.dist-info" / "INSTALLER"
    assert installer.read_text().strip() == "pyodide.loadPackage"


@run_in_pyodide(packages=["je-kernel"])
def test_the_scan_for_loaded_packages_can_be_replaced(selenium_module_scope):
    from je_kernel.compatibility import replace_package_scan

    scan = replace_package_scan(lambda: None)
    scan()
    assert replace_package_scan(scan) is not scan


@run_in_pyodide(packages=["je-kernel", "micropip"])
def test_micropip_has_its_manager_and_a_copy_of_the_lock(selenium_module_scope):
    from je_kernel.compatibility import package_manager, site_lock, tell_micropip

    packages, info, base_url = site_lock()
    assert packages["micropip"]["file_name"]
    assert info["python"]
    layer = package_manager().compat_layer
    assert layer.lockfile_packages.keys() == packages.keys()
    assert package_manager().index_urls
    assert callable(layer.fetch_string_and_headers)
    tell_micropip({}, {}, None)
    assert not layer.lockfile_packages
    tell_micropip(packages, info, base_url)
    assert layer.lockfile_packages.keys() == packages.keys()


@run_in_pyodide(packages=["je-kernel", "micropip"])
def test_micropip_knows_which_wheels_fit(selenium_module_scope):
    from je_kernel.compatibility import is_compatible_wheel, requirements_module

    assert is_compatible_wheel("a-1.0-py3-none-any.whl")
    assert not is_compatible_wheel("a-1.0-cp314-cp314-win_amd64.whl")
    assert requirements_module().Requirement("a >= 1").name == "a"


@run_in_pyodide(packages=KERNEL)
def test_the_kernel_answers_a_message_and_keeps_the_last_traceback(selenium_module_scope):
    import pyodide_kernel

    from je_kernel.compatibility import last_traceback, parent_header, set_parent_header

    shell = pyodide_kernel.ipython_shell
    message = {"header": {"msg_id": "m"}}
    set_parent_header(shell, message)
    assert shell.kernel.get_parent() == parent_header(shell) == message
    shell.run_cell("1 / 0")
    assert "ZeroDivisionError" in last_traceback(shell)["ename"]


@run_in_pyodide(packages=KERNEL)
def test_the_line_of_a_magic_is_split_as_ipython_does(selenium_module_scope):
    from je_kernel.compatibility import split_arguments

    assert split_arguments("--out x 'a b'") == ["--out", "x", "a b"]


@run_in_pyodide(packages=["je-kernel"])
async def test_a_task_tells_for_what_it_waits(selenium_module_scope):
    import asyncio

    from je_kernel.compatibility import awaited_by

    future = asyncio.get_running_loop().create_future()

    async def wait():
        await future

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    assert awaited_by(task) is future
    future.set_result(None)
    await task
    assert awaited_by(None) is None


@run_in_pyodide(packages=["je-kernel"])
def test_a_module_is_known_while_it_is_being_imported(selenium_module_scope):
    import importlib
    import sys
    from pathlib import Path

    from je_kernel.compatibility import is_being_imported

    code = (
        "import sys; from je_kernel.compatibility import is_being_imported\n"
        "was = is_being_imported(sys.modules[__name__])"
    )
    Path("/tmp/being_imported.py").write_text(code)
    sys.path.insert(0, "/tmp")
    importlib.invalidate_caches()
    module = importlib.import_module("being_imported")
    sys.path.remove("/tmp")
    assert module.was is True
    assert is_being_imported(module) is False
