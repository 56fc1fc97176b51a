"""An import is enough, in a notebook, in each engine: also where Python cannot wait (WebKit)."""

import pytest

CELLS = {
    "nothing before it is imported": (
        "import js, pyodide_js\n"
        "{'numpy', 'pandas', 'matplotlib'} & set(js.Object.keys(pyodide_js.loadedPackages).to_py())"
    ),
    "after a magic": "%matplotlib inline\nimport numpy as np\nint(np.arange(4).sum())",
    "in a module of one's own": (
        "open('my_helper.py', 'w').write('import xlrd\\ndef name(): return xlrd.__name__')\n"
        "import importlib; importlib.invalidate_caches()\n"
        "from my_helper import name\nname()"
    ),
    "compiled, and libraries beside it": (
        "round(float(importlib.import_module('scipy.linalg').det(np.diag([2.0, 3.0]))))"
    ),
    "what pandas needs now and then": (
        "import pandas as pd, io\n"
        "table = pd.read_html(io.StringIO('<table><tr><td>7</td></tr></table>'))[0]\n"
        "table.to_excel('table.xlsx', index=False)\n"
        "int(pd.read_excel('table.xlsx').iloc[0, 0])"
    ),
    "from two tasks at once": (
        "import asyncio\n"
        "async def version():\n    return importlib.import_module('sympy').__version__\n"
        "len(set(await asyncio.gather(version(), version())))"
    ),
}
VALUES = ["set()", "6", "'xlrd'", "6", "7", "1"]


@pytest.mark.engines("chromium", "firefox", "webkit")
def test_an_import_is_enough_in_every_engine(lab):
    notebook = lab.new_notebook()
    results = [notebook.run(code) for code in CELLS.values()]
    assert [(result.error, result.value) for result in results] == [(None, v) for v in VALUES]
    steps = notebook.run(
        "import je_kernel\n[s for s in je_kernel.startup.started().steps if s.name == 'packages']"
    )
    assert "outcome='done'" in steps.value
