"""Builds the documentation: ``sphinx-build -W docs docs/_build``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from je_kernel import __version__

project = "je-kernel"
author = "the je-kernel contributors"
copyright = "2026, the je-kernel contributors"  # noqa: A001
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "settings_table",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# A link to a page or heading that is not there fails the build.
nitpicky = True
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(InteractiveShell|IPython|Message|Name|Path|pathlib|typing|collections|optional).*",
    ),
    # What a docstring names without its module, or other pages tell of.
    (
        "py:.*",
        r"AbstractAsyncContextManager|BinaryMode|ReadAs|TextMode|datetime.*|Info|Kind|MissingFileError|Reference|Service|Token|.*\.message\.Request",
    ),
]
autodoc_typehints = "description"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = "je-kernel"
html_static_path: list[str] = []
