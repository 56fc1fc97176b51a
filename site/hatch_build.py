"""Bundles je-kernel's wheel, the locks and the demo's contents into je-kernel-site.

In a checkout they are taken from where they are; in an unpacked source
distribution they are in the package already.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_BUNDLED = "je_site/bundled"
# The same moment that hatchling takes by itself, whatever the environment says.
_EPOCH = "1580601600"


class BundleHook(BuildHookInterface):
    """Adds files from outside of this folder to the wheel and the source distribution."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name what to include. An editable installation uses the checkout as it is."""
        site = Path(self.root)
        if version == "editable" or (site / "src" / _BUNDLED).is_dir():
            return
        checkout = site.parent
        place = f"src/{_BUNDLED}" if self.target_name == "sdist" else _BUNDLED
        self._work = tempfile.TemporaryDirectory()
        bundled = [
            _own_wheel(checkout, Path(self._work.name)),
            *sorted((checkout / "wheels").glob("*.lock.json")),
        ]
        include = build_data["force_include"]
        include.update({str(path): f"{place}/{path.name}" for path in bundled})
        include[str(site / "content")] = f"{place}/content"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove what was built on the way."""
        work = getattr(self, "_work", None)
        if work is not None:
            work.cleanup()


def _own_wheel(checkout: Path, folder: Path) -> Path:
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=checkout,
        env={**os.environ, "SOURCE_DATE_EPOCH": _EPOCH},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (wheel,) = folder.glob("je_kernel-*.whl")
    return wheel
