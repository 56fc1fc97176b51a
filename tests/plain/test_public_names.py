"""`import je_kernel` reaches what docs/api.md documents, which is everything public."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import je_kernel

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
DIRECTIVE = re.compile(r"^\.\. auto(module|class|function):: (\S+)\n((?:   :.*\n)*)", re.MULTILINE)


def documented():
    """Return the names that the page documents, with their modules."""
    names = set()
    for kind, name, options in DIRECTIVE.findall(PAGE):
        names.add(name)
        members = re.search(r":members:(.*)", options)
        if members is None or kind != "module":
            continue
        listed = [each.strip() for each in members[1].split(",") if each.strip()]
        names.update(f"{name}.{each}" for each in listed or importlib.import_module(name).__all__)
    return names


# Each name in a Python in which no module of je_kernel is imported yet.
REACH = """
import sys
for name in sys.argv[1:]:
    for module in [each for each in sys.modules if each.partition(".")[0] == "je_kernel"]:
        del sys.modules[module]
    import je_kernel as value
    for part in name.split(".")[1:]:
        value = getattr(value, part, None)
    if value is None:
        print(name)
"""


def test_importing_the_package_reaches_everything_that_is_documented():
    names = sorted(documented())
    assert "je_kernel.files.aio.read" in names
    assert "je_kernel.sharing.protocol.Protocol" in names
    done = subprocess.run(
        [sys.executable, "-c", REACH, *names], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""


def public():
    """Return every public name: of the package, and of the modules among these."""
    for name in je_kernel.__all__:
        value = getattr(je_kernel, name)
        yield f"je_kernel.{name}", value
        if isinstance(value, type(sys)):
            for inner in value.__all__:
                yield f"je_kernel.{name}.{inner}", getattr(value, inner)


def resolved(name):
    value = je_kernel
    for part in name.split(".")[1:]:
        value = getattr(value, part)
    return value


def test_everything_public_is_documented():
    # By identity: a class may be documented in the module that defines it.
    values = [resolved(name) for name in documented()]

    def is_documented(value):
        return any(value is each or type(value) is each for each in values)

    missing = [name for name, value in public() if not is_documented(value)]
    assert missing == ["je_kernel.__version__"]
