"""The documentation names files that exist."""

import re
from pathlib import Path

import pytest

from tests.serving import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md"))]
NAMED = re.compile(r"`((?:app|schema|resolvers|permissions|models|tests|docs|benchmarks)/[\w/.-]*)`")
IN_FOLDER = re.compile(r"^\| `([a-z_/]+)/` \|(.*)$", re.MULTILINE)
MODULE = re.compile(r"`(\w+\.py)`")
LINKED = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)[^)]*\)")


@pytest.mark.parametrize("page", [page for page in PAGES if page.exists()], ids=lambda page: page.name)
def test_every_file_that_a_page_names_or_links_exists(page: Path) -> None:
    text = page.read_text()
    named = [name for name in NAMED.findall(text) if not (ROOT / name).exists()]
    linked = [name for name in LINKED.findall(text) if not (page.parent / name).exists()]
    assert named + linked == []


def test_every_module_in_a_row_about_a_folder_is_in_that_folder() -> None:
    rows = IN_FOLDER.findall((ROOT / "docs/architecture.md").read_text())
    modules = [f"{folder}/{module}" for folder, row in rows for module in MODULE.findall(row)]
    assert modules
    assert [name for name in modules if not (ROOT / name).exists()] == []


def test_every_folder_of_resolvers_has_a_row() -> None:
    rows = dict(IN_FOLDER.findall((ROOT / "docs/architecture.md").read_text()))
    folders = {f"resolvers/{path.parent.name}" for path in (ROOT / "resolvers").glob("*/__init__.py")}
    assert folders - rows.keys() == set()
