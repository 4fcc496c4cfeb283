"""Every command and every query of the documentation runs and gives the answer that the page prints.

How blocks are marked is explained in CONTRIBUTING.md under "Documentation".
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from app.__main__ import app as command_line
from tests.docs.blocks import Block, blocks, steps
from tests.docs.pages import Page
from tests.serving import ROOT, consentql, serving

PAGES: Final = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
MOST_NOT_RUN: Final = 12
"""Blocks that no test can run are few: starting the service, installing, another machine."""
OF_A_SERVER: Final = ("docs/operate.md", "docs/runbook/")
"""Procedures that change a server. They need root."""
COMMAND: Final = re.compile(r"(?<![-\w/.])(?:\.venv/bin/)?consentql((?: [a-z][a-z-]*)+)")
TARGET: Final = re.compile(r"(?:^|`)make ([a-z]+)", re.MULTILINE)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks_of(page: Path) -> list[Block]:
    return list(blocks(page.relative_to(ROOT), page.read_text()))


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file as `consentql demo` fills it."""
    folder = tmp_path_factory.mktemp("demonstration")
    done = consentql(f"sqlite+aiosqlite:///{folder / 'demo.db'}", "demo", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "demo.db"


@pytest.fixture
def page_at(demonstration: Path, tmp_path: Path) -> Iterator[Page]:
    """A work folder, a copy of the demonstration, and a server on it."""
    copy = tmp_path / "consentql.db"
    shutil.copy(demonstration, copy)
    url = f"sqlite+aiosqlite:///{copy}"
    work = tmp_path / "work"
    work.mkdir()
    with ExitStack() as stack:
        yield Page(work, url, lambda: stack.enter_context(serving(url, work)))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_of_a_page_runs_and_gives_the_printed_answer(page: Path, request: pytest.FixtureRequest) -> None:
    if found := list(steps(blocks_of(page))):
        at: Page = request.getfixturevalue("page_at")
        for step in found:
            at.run(step)


def test_blocks_that_are_not_run_are_few_and_each_has_a_reason() -> None:
    left_out = [block for page in PAGES for block in blocks_of(page) if block.has("no-run")]
    assert all(block.reason for block in left_out)
    left_out = [block for block in left_out if not block.place.startswith(OF_A_SERVER)]
    assert len(left_out) <= MOST_NOT_RUN, [f"{block.place}: {block.reason}" for block in left_out]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_and_target_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(TARGET.findall(text)) <= targets
    unknown = [words for words in COMMAND.findall(_code(text)) if not _is_command(words.split())]
    assert unknown == []


def _code(text: str) -> str:
    """The code spans and blocks of a page."""
    spans = re.findall(r"```.*?```|`[^`]+`", text, re.DOTALL)
    return "\n".join(span for span in spans)


def _is_command(words: list[str]) -> bool:
    """Whether the first word is a command, and each further word a command of that group."""
    command: Any = typer.main.get_command(command_line)
    for word in words:
        commands = getattr(command, "commands", None)
        if commands is None or word not in commands:
            return commands is None
        command = commands[word]
    return True


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_are_in_fenced_blocks(page: Path) -> None:
    outside = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    indented = re.findall(r"^ {4,}(?:make|curl|consentql|\.venv/|[A-Z_]+=).*", outside, re.MULTILINE)
    assert indented == []
