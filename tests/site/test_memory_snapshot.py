"""A kernel that starts from the site's memory snapshot is a kernel like any other."""

import json
import os
import re
import shutil
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import zstandard

from je_site.distribution import STATIC
from je_site.memory_snapshot import place_snapshot
from je_site.progress import Reporter
from je_site.server import serve
from tests.browsers import launch
from tests.browsers.lab import Lab
from tests.site.bare_kernel import BareKernel

ENGINES = ("chromium", "firefox", "webkit")
SNAPSHOT = "print(je_kernel.runtime.memory_snapshot())"

# What a kernel tells of itself that must not be the same in the next.
FRESH = """
import gc, json, os, random, secrets, tempfile, uuid
import numpy as np
states = sorted(str(each.getstate()) for each in gc.get_objects() if type(each) is random.Random)
print(json.dumps({
    "random": random.random(),
    "another": random.Random().random(),
    "numpy": np.random.rand(),
    "generator": np.random.default_rng().random(),
    "uuid": str(uuid.uuid4()),
    "uuid1": str(uuid.uuid1()),
    "secret": secrets.token_hex(),
    "urandom": os.urandom(8).hex(),
    "temporary": tempfile.mktemp(),
    "made by modules": states,
}))
"""

# What belongs to the browser, and not to the machine that built the site.
SURROUNDINGS = """
import datetime, json, os, sys, time
from js import Date, navigator
print(json.dumps({
    "now": [time.time(), Date.now() / 1000],
    "offset": [time.localtime().tm_gmtoff, -60 * Date.new().getTimezoneOffset()],
    "constants": [-time.timezone if not time.localtime().tm_isdst else -time.altzone,
                  time.localtime().tm_gmtoff],
    "language": [os.environ["LANG"], navigator.language.replace("-", "_") + ".UTF-8"],
    "folder": [os.getcwd(), os.environ["HOME"]],
    "path": sys.path[0],
    "seed": "PYTHONHASHSEED" in os.environ,
}))
"""

# Where the engine can switch stacks.
SWITCH = "from pyodide.ffi import run_sync\nprint(run_sync(asyncio.sleep(0.01, 'slept')))"


@pytest.mark.engines(*ENGINES)
def test_a_kernel_is_started_from_it_and_does_what_others_do(lab, browser):
    notebook = lab.new_notebook()
    first = notebook.run(SNAPSHOT)
    assert (first.stdout, first.execution_count) == ("used\n", 1)
    assert "memory snapshot                used" in notebook.run("print(je_kernel.doctor())").stdout

    said = json.loads(notebook.run(SURROUNDINGS).stdout)
    assert abs(said["now"][0] - said["now"][1]) < 5
    assert abs(said["now"][0] - datetime.now().timestamp()) < 60
    for name in ("offset", "constants", "language"):
        assert len(set(said[name])) == 1, name
    assert said["folder"] == ["/drive", "/home/pyodide"]
    assert said["path"] == ""
    assert not said["seed"]

    # The sources of what the snapshot has imported are read from the wheels.
    run = "import traceback, traitlets\ntry: traitlets.Int().validate(None, 'x')\n"
    run += "except traitlets.TraitError: print(traceback.format_exc())"
    assert "    raise TraitError" in notebook.run(run).stdout
    source = notebook.run("import inspect, IPython\nprint(inspect.getsource(IPython.get_ipython))")
    assert source.stdout.startswith("def get_ipython():")
    # Packages, shared libraries and the standard library come as ever.
    run = "import ctypes, sqlite3, pandas as pd, matplotlib.pyplot as plt\n"
    run += "print(pd.DataFrame({'a': [1, 2]}).sum().a, ctypes.CDLL(None) is not None)"
    assert notebook.run(run).stdout == "3 True\n"
    assert notebook.run("%pip list").error is None
    listed = "import micropip\nprint({'ipython', 'je-kernel', 'pandas'} <= set(micropip.list()))"
    assert notebook.run(listed).stdout == "True\n"
    waited = notebook.run("import asyncio\nprint(await asyncio.sleep(0.01, 'slept'))")
    assert waited.stdout == "slept\n"
    if browser.engine != "webkit":
        assert notebook.run(SWITCH).stdout == "slept\n"
    notebook.restart_kernel()
    assert notebook.run(SNAPSHOT).stdout == "used\n"


def test_nothing_that_chance_decides_is_the_same_in_two_kernels(page, site):
    kernel = BareKernel.start(page.playwright, site.url, "0.ipynb")
    told = [json.loads(kernel.run(FRESH))]
    for number in range(1, 50):
        kernel.end_kernel()
        kernel = kernel.another(f"{number}.ipynb")
        told.append(json.loads(kernel.run(FRESH)))
    for name in told[0]:
        assert len({str(each[name]) for each in told}) == len(told), name


def test_what_a_lesson_does_first_reads_no_wheel_of_what_is_in_it(page, site, site_folder):
    read = []
    # The service worker fetches some, later, to keep them.
    page.playwright.context.on("request", lambda each: each.service_worker or read.append(each.url))
    notebook = Lab.open(page, site.url).new_notebook()
    notebook.run("1")
    assert [address for address in read if address.endswith("/memory-0.bin")]
    assert not [address for address in read if address.endswith(".whl")]
    draw = "import pandas as pd, matplotlib.pyplot as plt\n"
    draw += f"pd.read_csv('{site.url}files/data/penguins.csv').hist()"
    assert notebook.run(draw).error is None
    told = json.loads(_snapshot_of(site_folder).with_name("snapshot.json").read_text())
    sizes = {wheel: (site_folder / STATIC / wheel[6:]).stat().st_size for wheel in told["wheels"]}
    # Two small ones are: six, and matplotlib-inline, which nothing can import without Matplotlib.
    root = f"{site.url}{STATIC}/"
    assert sum(size for wheel, size in sizes.items() if f"{root}{wheel[6:]}" in read) < 60_000


MODULES = "import json, sys\nprint(json.dumps(sorted(sys.modules)))"
OPTIONS = (
    "import json, pandas as pd\n"
    "names = sorted(pd._config.config._registered_options)\n"
    "print(json.dumps({name: repr(pd.get_option(name)) for name in names}))"
)


def without_snapshot(site, copy):
    """Copy a site whose kernels start without one."""
    shutil.copytree(site, copy, copy_function=os.link)
    config = copy / "jupyter-lite.json"
    said = config.read_text()
    config.unlink()
    config.write_text(re.sub(r"\?snapshot=[^\"]*", "", said))
    return copy


GROWING = """
import pyodide_js
from pyodide.code import run_js
run_js('''module => {
  const { _malloc } = module;
  module._malloc = size => {
    module.growMemory(module.HEAP8.length + 65_536);
    return _malloc(size);
  };
}''')(pyodide_js._module)
import je_kernel.turtle.shapes
print(je_kernel.turtle.shapes.__name__)
"""


def test_a_file_may_grow_the_memory_while_it_is_unpacked(page, site):
    kernel = BareKernel.start(page.playwright, site.url)
    assert kernel.run(SNAPSHOT) == "used\n"
    assert kernel.run(GROWING) == "je_kernel.turtle.shapes\n"


def test_all_that_a_start_imports_is_in_it(page, site, site_folder, tmp_path):
    with_it = json.loads(BareKernel.start(page.playwright, site.url).run(MODULES))
    with serve(without_snapshot(site_folder, tmp_path / "site")) as other:
        kernel = BareKernel.start(page.playwright, other.url)
        assert kernel.run(SNAPSHOT) == "the site has none\n"
        assert set(json.loads(kernel.run(MODULES))) <= set(with_it)


def test_it_is_the_same_wherever_it_is_made_and_tells_nothing_of_where(
    site_folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("JE_KERNEL_CACHE_DIR", str(tmp_path / "cache"))
    root = tmp_path / "another" / "folder"
    shutil.copytree(site_folder / STATIC, root)
    (core,), (lock,) = root.glob("pyodide-3*"), root.glob("pyodide-lock-*.json")
    config = json.loads((site_folder / "jupyter-lite.json").read_text())["jupyter-config-data"]
    plugin = config["litePluginSettings"]["@jupyterlite/pyodide-kernel-extension:kernel"]
    preload = plugin["loadPyodideOptions"]["packages"]
    said = parse_qs(urlsplit(plugin["pyodideUrl"]).query)
    packages = said["packages"][0].split(",")
    assert packages == ["pandas"]
    for kind, besides in (("snapshot", ()), ("large", ("numpy", "pandas"))):
        there = root / "snapshots" / said[kind][0]
        before = {path.name: path.read_bytes() for path in there.iterdir()}
        shutil.rmtree(there)
        (decoder,) = root.glob("npm/zstddec@*/dist/zstddec.mjs")
        options = {"decoder": decoder.relative_to(root).as_posix(), "besides": besides}
        made = place_snapshot(root, lock, core, preload, Reporter(), **options)
        assert made == there.name
        assert {path.name: path.read_bytes() for path in there.iterdir()} == before
        parts = [
            before[f"memory-{number}.bin"] for number in range(len(list(there.glob("memory-*"))))
        ]
        memory = b"".join(zstandard.decompress(part) for part in parts)
        for secret in (tmp_path, site_folder.parent, Path.home() / ".cache"):
            assert str(secret).encode()[:12] not in memory, secret


KEPT = """async () => {
  const end = Date.now() + 300_000;
  const kept = await caches.open('je-kernel-memory');
  while (!(await kept.keys()).length && Date.now() < end) {
    await new Promise(next => setTimeout(next, 200));
  }
  return (await kept.keys()).length;
}"""
LARGE = {
    "import sys\nprint('pandas' in sys.modules, 'scipy' in sys.modules)": "True False\n",
    "import pandas as pd, numpy as np\n"
    "print(pd.DataFrame({'a': [1, 2]}).describe().shape)": "(8, 1)\n",
    "import scipy.stats, matplotlib.pyplot as plt\nplt.plot([1, 2])\n"
    "print(round(float(scipy.stats.norm.cdf(1.96)), 3))": "0.975\n",
    "import traceback\ntry: pd.DataFrame({'a': [1]})['b']\n"
    "except KeyError: print('return self._engine.get_loc(' in traceback.format_exc())": "True\n",
    "try: np.linalg.inv(np.zeros((2, 2)))\nexcept np.linalg.LinAlgError: print('none')": "none\n",
    "import sqlite3, ctypes, pandas.io.sas, numpy.fft\n"
    "print(numpy.fft.fft([1, 1]).real)": "[2. 0.]\n",
    "there = pd.to_datetime(['2024-01-01']).tz_localize('Europe/Berlin')\n"
    "print(there[0].utcoffset())": "1:00:00\n",
    "%load_ext autoreload\n%autoreload 2\n"
    "with open('own.py', 'w') as file: print('value = 1', file=file)\n"
    "import own\nprint(own.value)": "1\n",
    "with open('own.py', 'w') as file: print('value = 1 + 22', file=file)": "",
    "print(own.value)": "23\n",
    "taken = %timeit -o -q -n 1 -r 1 sum(range(10))\nprint(taken.loops)": "1\n",
    "import ipywidgets\nslider = ipywidgets.IntSlider(value=3)\n"
    "print(slider.value, slider.comm is not None)": "3 True\n",
    "pd.DataFrame({'a': [5]}).to_csv('/drive/own.csv')\nprint(pd.read_csv('own.csv').a[0])": "5\n",
    "import asyncio\nprint(await asyncio.sleep(0.01, 'slept'))": "slept\n",
    "import turtle\nturtle.forward(10)\nprint(turtle.pos())": "(10.00,0.00)\n",
    "print('used, with packages' in str(je_kernel.doctor()))": "True\n",
}


@pytest.mark.engines(*ENGINES)
def test_once_pandas_was_used_kernels_start_with_it(page, site, browser):
    notebook = Lab.open(page, site.url).new_notebook()
    assert notebook.run(SNAPSHOT).stdout == "used\n"
    options = notebook.run(OPTIONS).stdout
    assert page.evaluate(KEPT) == 1
    notebook.restart_kernel()
    assert notebook.run(SNAPSHOT).stdout == "used, with packages\n"
    printed = {code: notebook.run(code) for code in LARGE}
    assert {code: result.error for code, result in printed.items()} == dict.fromkeys(LARGE)
    assert {code: result.stdout for code, result in printed.items()} == LARGE
    assert notebook.run(OPTIONS).stdout == options
    if browser.engine != "webkit":
        assert notebook.run(SWITCH).stdout == "slept\n"
    read = f"print(len(pd.read_csv('{site.url}files/data/penguins.csv')))"
    assert notebook.run(read).stdout == "344\n"
    told = [json.loads(notebook.run(FRESH).stdout)]
    notebook.restart_kernel()
    told.append(json.loads(notebook.run(FRESH).stdout))
    assert not [name for name in told[0] if told[0][name] == told[1][name]]


SPOIL_WHAT_IS_KEPT = """async () => {
  const kept = await caches.open('je-kernel-memory');
  const [request] = await kept.keys();
  await kept.put(request, new Response('nothing of the kind'));
}"""


def test_what_a_browser_keeps_of_it_may_be_spoilt(page, site):
    notebook = Lab.open(page, site.url).new_notebook()
    notebook.run("import pandas")
    assert page.evaluate(KEPT) == 1
    page.evaluate(SPOIL_WHAT_IS_KEPT)
    notebook.restart_kernel()
    assert notebook.run(SNAPSHOT).stdout == "used\n"
    assert [line for line in page.console() if "the memory snapshot is not used" in line]
    notebook.run("import pandas")
    assert page.evaluate(KEPT) == 1  # anew
    notebook.restart_kernel()
    assert notebook.run(SNAPSHOT).stdout == "used, with packages\n"


@pytest.fixture
def copied_site(site_folder, tmp_path):
    folder = tmp_path / "site"
    shutil.copytree(site_folder, folder, copy_function=os.link)
    return folder


def _replace(path, content):
    """Write a file anew, and not into the one of the site that it is linked to."""
    path.unlink()
    path.write_bytes(content)


def _snapshot_of(site, kind="snapshot"):
    config = (site / "jupyter-lite.json").read_text()
    (name,) = re.findall(rf"[?&]{kind}=(\w+)", config)
    return site / STATIC / "snapshots" / name / "memory-1.bin"


KEPT_NOW = "async () => (await (await caches.open('je-kernel-memory')).keys()).length"
UNTIL_IT_IS_SAID = """async ([kernel, words]) => {
  const code = 'print(je_kernel.runtime.memory_snapshot())';
  for (;;) {
    let said = '';
    const future = window.bareKernels[kernel].requestExecute({ code });
    future.onIOPub = ({ content }) => { said += content.text ?? ''; };
    await future.done;
    if (said.includes(words)) return said;
    await new Promise(next => setTimeout(next, 500));
  }
}"""


def test_one_with_packages_that_cannot_be_had_is_told_of_once_they_were_used(page, copied_site):
    _snapshot_of(copied_site, "large").unlink()
    with serve(copied_site) as served:
        without = BareKernel.start(page.playwright, served.url, "0.ipynb")
        assert without.run("import numpy") == ""
        kernel = without.another("1.ipynb")
        assert kernel.run("import pandas") == ""
        words = "the one with packages is not kept: "
        said = page.evaluate(UNTIL_IT_IS_SAID, [kernel.number, words])
        assert said.startswith(f"used; {words}")
        assert said.endswith("memory-1.bin cannot be had (404).\n")
        # Who has imported less fetches nothing.
        assert without.run(SNAPSHOT) == "used\n"
    assert len([line for line in page.console() if words in line]) == 1


def test_a_browser_that_is_to_save_data_keeps_none(page, copied_site):
    (entry,) = (copied_site / STATIC).glob("pyodide-*/je-kernel-*.mjs")
    save = "Object.defineProperty(navigator.connection, 'saveData', { value: true });\n"
    _replace(entry, entry.read_bytes() + save.encode())
    with serve(copied_site) as served:
        kernel = BareKernel.start(page.playwright, served.url)
        assert kernel.run("import pandas") == ""
        words = "the browser is to save data"
        assert page.evaluate(UNTIL_IT_IS_SAID, [kernel.number, words]).startswith("used; ")
    assert not page.evaluate(KEPT_NOW)


def test_a_private_window_starts_with_it(site, tmp_path):
    profile = tmp_path / "profile"
    profile.mkdir()
    private = 'user_pref("browser.privatebrowsing.autostart", true);\n'
    (profile / "user.js").write_text(private)
    browser = launch("firefox", profile=profile)
    try:
        notebook = Lab.open(browser.new_page(), site.url).new_notebook()
        assert notebook.run(SNAPSHOT).stdout == "used\n"
        assert notebook.run("import pandas as pd\nprint(pd.Series([1, 2]).sum())").stdout == "3\n"
        notebook.restart_kernel()
        assert notebook.run(SNAPSHOT).stdout.startswith("used")
    finally:
        browser.close()


KEEP_INSTEAD = """async size => {
  const kept = await caches.open('je-kernel-memory');
  const response = new Response(new Uint8Array(size), { headers: { 'Content-Length': size } });
  await kept.put('memory', response);
}"""
SAVE_IN_PAGE = """async () => {
  const { contents } = window.jupyterapp.serviceManager;
  const bytes = new Uint8Array(10_000_000);
  for (let at = 0; at < bytes.length; at += 50_000) {
    crypto.getRandomValues(bytes.subarray(at, at + 50_000));
  }
  const model = { type: 'file', format: 'base64', content: bytes.toBase64() };
  await contents.save('large.bin', model);
}"""
IN_KERNEL = "files.save('large.bin', os.urandom(10_000_000))"
BY_OPEN = "with open('/drive/large.bin', 'wb') as file: file.write(os.urandom(10_000_000))"


@pytest.mark.parametrize("write", ["in_kernel", "by_open", "in_page"])
def test_files_come_before_the_memory_that_is_kept(page, site, write):
    # The override holds as long as the page that made it. A database that has been used believes
    # for half a minute that there is room.
    keeper = page.playwright.context.new_page()
    session = page.playwright.context.new_cdp_session(keeper)
    quota = {"origin": site.url.rstrip("/"), "quotaSize": 60_000_000}
    session.send("Storage.overrideQuotaForOrigin", quota)
    page.open(f"{site.url}jupyter-lite.json")
    page.evaluate(KEEP_INSTEAD, 55_000_000)
    kernel = BareKernel.start(page.playwright, site.url)
    kernel.run("import os\nfrom je_kernel import files")
    # What is given up for files is not in the way of files.
    assert int(kernel.run("print(files.usage().used)")) < 55_000_000
    assert page.evaluate(KEPT_NOW)
    if write == "in_page":
        page.evaluate(SAVE_IN_PAGE)
    else:
        kernel.run(IN_KERNEL if write == "in_kernel" else BY_OPEN)
    assert kernel.run("print(files.info('large.bin').size)") == "10000000\n"
    assert not page.evaluate(KEPT_NOW)


def _remove(path):
    path.unlink()


def _cut(path):
    _replace(path, path.read_bytes()[:1_000_000])


def _damage(path):
    content = bytearray(path.read_bytes())
    content[1_000_000] ^= 255
    _replace(path, content)


def _of_another_pyodide(path):
    described = path.with_name("snapshot.json")
    said = json.loads(described.read_text())
    _replace(described, json.dumps({**said, "version": "314.0.0"}).encode())


def _of_strange_text(path):
    _replace(path.with_name("snapshot.json"), b"<!doctype html>")


@pytest.mark.parametrize("spoil", [_remove, _cut, _damage, _of_another_pyodide, _of_strange_text])
def test_with_a_snapshot_that_is_of_no_use_a_kernel_starts_as_without_one(page, copied_site, spoil):
    spoil(_snapshot_of(copied_site))
    with serve(copied_site) as served:
        kernel = BareKernel.start(page.playwright, served.url)
        assert kernel.run(SNAPSHOT).startswith("not used: ")
        assert kernel.run("import pandas as pd\nprint(pd.Series([1, 2]).sum())") == "3\n"
    said = [line for line in page.console() if "the memory snapshot is not used" in line]
    assert len(said) == 1
