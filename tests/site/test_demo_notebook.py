"""The notebooks that come with the site, run as a student runs them."""

import pytest

from je_site.build import default_contents

NOTEBOOKS = sorted(path.name for folder in default_contents() for path in folder.glob("*.ipynb"))


def run(notebook):
    code = [index for index, cell in enumerate(notebook.cells()) if cell.type == "code"]
    return [notebook.run_cell(index) for index in code]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_runs_from_top_to_bottom(lab, name):
    results = run(lab.open_notebook(name))
    assert results
    assert [result.error for result in results] == [None] * len(results)
    if name == "Start here.ipynb":
        # A table and a plot, and no warning.
        assert [result.stderr for result in results] == [""] * len(results)
        assert "Adelie" in results[0].html
        assert any(result.png for result in results)
