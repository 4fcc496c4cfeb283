"""The page on OWASP ASVS names tests and pages that exist, and each requirement once."""

import re
from typing import Final

from tests.serving import ROOT

PAGE: Final = (ROOT / "docs" / "asvs.md").read_text()
NUMBER: Final = re.compile(r"\d+\.\d+\.\d+")
LEVELS_1_AND_2: Final = 217
"""How many requirements the levels 1 and 2 have, without the chapters on OAuth and WebRTC."""


def test_every_named_test_exists() -> None:
    named = re.findall(r"`(tests/[^`]+)`", PAGE)
    assert len(named) > 100
    for name in named:
        path, _, function = name.partition("::")
        text = (ROOT / path).read_text()
        assert f"def {function}(" in text if function else "def test_" in text, name


def test_every_named_page_exists() -> None:
    for target in re.findall(r"\]\((?!https:)([^)]+)\)", PAGE):
        assert (ROOT / "docs" / target).is_file(), target


def test_each_requirement_stands_once_and_says_what_shows_it() -> None:
    rows = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| ") and NUMBER.match(line[2:])]
    numbers = [number for row in rows for number in NUMBER.findall(row[0])]
    assert len(numbers) == len(set(numbers)) == LEVELS_1_AND_2
    assert all(cell.strip("| ") for row in rows for cell in row)
