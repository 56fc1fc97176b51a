"""What a kernel makes new when it is started from a memory snapshot."""

import os
import subprocess
import sys
import types

import pytest

from je_kernel import snapshot_hooks, startup

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney")
CONSTANTS = "print(time.timezone, time.altzone, time.daylight, time.tzname)"


@pytest.mark.parametrize("zone", ZONES)
def test_the_time_zone_is_that_of_a_python_that_starts_in_it(zone):
    code = (
        f"import os, time\n{CONSTANTS}\n"
        "os.environ['TZ'] = 'UTC'\ntime.tzset()\n"
        "constants = [getattr(time, n) for n in ('timezone', 'altzone', 'daylight', 'tzname')]\n"
        f"os.environ['TZ'] = {zone!r}\ntime.tzset()\n"
        "for n, c in zip(('timezone', 'altzone', 'daylight', 'tzname'), constants):"
        " setattr(time, n, c)\n"
        "from je_kernel import snapshot_hooks\nsnapshot_hooks._set_time_zone()\n" + CONSTANTS
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TZ": zone},
        capture_output=True,
        text=True,
        check=True,
    )
    before, after = done.stdout.splitlines()
    assert after == before


def test_the_kernel_is_imported_once_and_starts_us(monkeypatch):
    kernel = types.ModuleType("pyodide_kernel")
    kernel.__spec__ = spec = types.SimpleNamespace(loader="its own")
    kernel.ipython_shell = shell = object()
    started = []
    monkeypatch.setattr(startup, "start", started.append)
    monkeypatch.setattr(sys, "meta_path", [snapshot_hooks._Kernel(kernel), *sys.meta_path])
    monkeypatch.setattr(sys, "path", ["/lib"])
    monkeypatch.delitem(sys.modules, "pyodide_kernel", raising=False)
    try:
        import pyodide_kernel
    finally:
        sys.modules.pop("pyodide_kernel", None)
    assert pyodide_kernel is kernel
    assert (kernel.__spec__, kernel.__loader__) == (spec, "its own")
    assert started == [shell]
    assert sys.path == ["", "/lib"]
    assert not any(isinstance(each, snapshot_hooks._Kernel) for each in sys.meta_path)
