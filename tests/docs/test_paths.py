"""The documentation names files that exist."""

import re
from pathlib import Path

import pytest

from tests.serving import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md"))]
NAMED = re.compile(r"`((?:app|schema|resolvers|permissions|models|tests|docs|benchmarks)/[\w/.-]*)`")
LINKED = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)[^)]*\)")


@pytest.mark.parametrize("page", [page for page in PAGES if page.exists()], ids=lambda page: page.name)
def test_every_file_that_a_page_names_or_links_exists(page: Path) -> None:
    text = page.read_text()
    named = [name for name in NAMED.findall(text) if not (ROOT / name).exists()]
    linked = [name for name in LINKED.findall(text) if not (page.parent / name).exists()]
    assert named + linked == []
