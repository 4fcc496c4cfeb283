"""The reference pages say what the program does."""

import pytest

from docs.build import FOLDER, PAGES, page


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    committed = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert committed == page(name), f"docs/{name}.md is out of date: run `make docs`"
