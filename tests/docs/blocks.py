"""Fenced code blocks of a Markdown page, and the steps that they make."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

RUNNABLE: Final = frozenset({"sh", "bash", "console", "graphql"})
ANSWERS: Final = frozenset({"json", "text"})
OPTIONS: Final = frozenset({"no-run", "variables", "as", "status", "file", "save"})
FENCE: Final = re.compile(r"^(?P<indent> *)(?P<fence>```+|~~~+)(?P<info>.*)$")
REASON: Final = re.compile(r"^\s*<!-- no-run: (?P<reason>\S.*\S) -->$")
HEADING: Final = re.compile(r"^#+ ")


class BadBlock(Exception):
    """A block that does not follow the convention, with its place."""


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its options, its text, and where it is."""

    page: Path
    line: int
    section: int
    language: str
    options: tuple[tuple[str, str], ...]
    text: str
    reason: str | None

    @property
    def place(self) -> str:
        """The page and the line, as editors open it."""
        return f"{self.page}:{self.line}"

    @property
    def is_run(self) -> bool:
        """Whether the block is a command or a query to run."""
        return self.language in RUNNABLE and not self.has("no-run")

    def has(self, option: str) -> bool:
        """Whether the info string has this option."""
        return any(name == option for name, _ in self.options)

    def option(self, name: str, default: str = "") -> str:
        """The value of an option, or the default."""
        return dict(self.options).get(name, default)


@dataclass(frozen=True)
class Step:
    """A block to run, the variables of a query, and the answer that the page prints."""

    block: Block
    variables: Block | None = None
    answer: Block | None = None


def blocks(page: Path, source: str) -> Iterator[Block]:
    """All fenced blocks of a page."""
    lines = source.splitlines()
    section = number = 0
    while number < len(lines):
        line = lines[number]
        section += bool(HEADING.match(line))
        number += 1
        if opened := FENCE.match(line):
            start = number
            while number < len(lines) and lines[number].strip() != opened["fence"]:
                number += 1
            text = "".join(each.removeprefix(opened["indent"]) + "\n" for each in lines[start:number])
            above = REASON.match(lines[start - 2]) if start > 1 else None
            language, options = _info(opened["info"], f"{page}:{start}")
            yield Block(page, start, section, language, options, text, above["reason"] if above else None)
            number += 1


def _info(info: str, place: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    language, *words = shlex.split(info) or [""]
    options = tuple((name, value) for name, _, value in (word.partition("=") for word in words))
    if unknown := {name for name, _ in options} - OPTIONS:
        raise BadBlock(f"{place}: unknown option {', '.join(sorted(unknown))}")
    return language, options


def steps(page: list[Block]) -> Iterator[Step]:
    """What to run in order; raises BadBlock if a block has no part in it and does not say why."""
    rest = [block for block in page if not _is_left_out(block)]
    while rest:
        block = rest.pop(0)
        if block.has("file"):
            yield Step(block)
        elif block.is_run:
            variables = rest.pop(0) if rest and rest[0].has("variables") and block.language == "graphql" else None
            answered = bool(rest) and _is_answer(rest[0]) and rest[0].section == block.section
            yield Step(block, variables, rest.pop(0) if answered else None)
        elif block.language == "json":
            raise BadBlock(f"{block.place}: this JSON follows no command or query; mark it `file=NAME` or `no-run`")


def _is_left_out(block: Block) -> bool:
    if block.has("no-run") and block.reason is None:
        raise BadBlock(f"{block.place}: write <!-- no-run: the reason --> on the line above the block")
    return block.has("no-run")


def _is_answer(block: Block) -> bool:
    return block.language in ANSWERS and not block.has("file") and not block.has("variables")
