"""The texts in the repository: links within it lead somewhere, the demo is well formed."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
TEXTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "site/*.md", "wheels/*.md", "site/content/**/*.md")
    for path in ROOT.glob(pattern)
)
NOTEBOOKS = sorted((ROOT / "site" / "content").rglob("*.ipynb"))


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(text):
    # What stands in code is an example, not a link.
    prose = re.sub(r"```.*?```|`[^`]*`", "", text.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", prose)
    within = [link.partition("#")[0] for link in links if "://" not in link and link[0] != "#"]
    assert [link for link in within if not (text.parent / link).exists()] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_demo_notebook_is_valid_and_shipped_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


def test_the_readme_gives_two_commands_and_both_are_there():
    commands = re.findall(r"^bash (\S+)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert commands == ["tools/serve", "tools/test"]
    assert all((ROOT / command).exists() for command in commands)


def test_every_file_that_the_index_of_the_architecture_names_exists():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    index = text.partition("## Where is it?")[2].partition("\n## ")[0]
    files = re.findall(r"^\| .+ \| `([^`]+)` \|$", index, re.MULTILINE)
    assert len(files) >= 40
    assert [file for file in files if not (ROOT / file).is_file()] == []
