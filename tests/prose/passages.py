"""Reads the prose of a file: docstrings, comments, messages, paragraphs, each with the line of every word."""

import ast
import io
import re
import tokenize
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

FILLED: Final = "…"
"""What stands for a value that is filled in, in code spans and format strings."""

MESSAGE: Final = re.compile(r"[A-Za-z…,'’]+ [a-z…]+ [a-z…]+")
"""A string literal is a message if it has three words in a row; the others are keys, names and queries."""
NOT_PROSE: Final = re.compile(r"^\s*([{(]|query\b|mutation\b|fragment\b|SELECT\b|CREATE\b|ALTER\b|\.\.\. on\b)")
DIRECTIVE: Final = re.compile(r"^#!|^#+ ?(noqa|type:|pragma|fmt:|ruff:|nosec)")
COMMENT_SIGN: Final = re.compile(r"(?:^|\s)#+ (.*)")


@dataclass(frozen=True)
class Passage:
    """Some prose that belongs together; `starts` has the offset and the line number of each of its lines."""

    text: str
    starts: tuple[tuple[int, int], ...]

    def line_at(self, offset: int) -> int:
        """The line of the file on which the character at this offset is."""
        return self.starts[bisect_right(self.starts, (offset, 1 << 60)) - 1][1]


def passage(lines: list[tuple[int, str]]) -> Passage:
    """Joins numbered lines to one passage."""
    text, starts = "", []
    for number, line in lines:
        starts.append((len(text), number))
        text += " ".join(line.split()) + " "
    return Passage(text.rstrip(), tuple(starts))


def passages(path: PurePath, source: str, quoted: frozenset[str] = frozenset()) -> Iterator[Passage]:
    """The prose of a file by its kind; values of the names in `quoted` are quotations and left out."""
    if path.suffix == ".py":
        yield from _python(source, quoted, messages="tests" not in path.parts)
    else:
        reader = reader_of(path)
        yield from reader(source) if reader else ()


def reader_of(path: PurePath) -> "Callable[[str], Iterator[Passage]] | None":
    """How prose is read from a file of this kind, or None if it has none; Python has a reader of several steps."""
    return READERS.get(path.suffix) or READERS.get(path.name)


def _python(source: str, quoted: frozenset[str], *, messages: bool) -> Iterator[Passage]:
    yield from _python_comments(source)
    tree = ast.parse(source)
    documented = {id(node) for node in _documentation(tree)}
    left_out = {*_parts_of_format_strings(tree), *_strings_of(tree, quoted)}
    for node in ast.walk(tree):
        text = _text_of(node)
        if text is None or id(node) in left_out:
            continue
        line: int = node.lineno  # type: ignore[attr-defined]
        if id(node) in documented:
            yield from _paragraphs(list(enumerate(text.splitlines(), line)))
        elif messages and MESSAGE.search(text) and not NOT_PROSE.search(text):
            yield passage([(line, text)])


def _parts_of_format_strings(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield from (id(part) for part in ast.walk(node) if part is not node)


def _text_of(node: ast.AST) -> str | None:
    """The text of a string literal, or None; what a format string fills in is one sign."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else FILLED for part in node.values)
        return "".join(str(part) for part in parts)
    return None


def _documentation(tree: ast.AST) -> Iterator[ast.expr]:
    """Docstrings, also those below an attribute or a constant."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def _strings_of(tree: ast.Module, names: frozenset[str]) -> Iterator[int]:
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if any(isinstance(target, ast.Name) and target.id in names for target in targets):
            yield from (id(part) for part in ast.walk(statement))


def _python_comments(source: str) -> Iterator[Passage]:
    """Comments; lines that follow each other in one column are one passage."""
    block: list[tuple[int, str]] = []
    last = (0, 0)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT or DIRECTIVE.search(token.string):
            continue
        line, column = token.start
        if block and last != (line - 1, column):
            yield passage(block)
            block = []
        block.append((line, token.string.lstrip("# ")))
        last = (line, column)
    if block:
        yield passage(block)


def _paragraphs(lines: list[tuple[int, str]]) -> Iterator[Passage]:
    """Paragraphs, list items and table cells are separate passages."""
    block: list[tuple[int, str]] = []
    for number, marked in [*lines, (0, "")]:
        line = _plain(marked)
        item = re.match(r"\s*(?:[-*+]|\d+\.|#+)\s+", line)
        if block and (not line.strip() or item or "|" in line):
            yield passage(block)
            block = []
        if line.lstrip().startswith("|"):
            yield from (passage([(number, cell)]) for cell in line.split("|") if cell.strip(" -:"))
        elif line.strip():
            block.append((number, line[item.end() :] if item else line))


def _plain(line: str) -> str:
    """A line without the marks of Markdown; code spans and addresses are one sign."""
    line = re.sub(r"``?[^`]*``?", FILLED, line)
    line = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", line)
    return re.sub(r"[*_]{2}|https?://\S+", "", line)


def _markdown(source: str) -> Iterator[Passage]:
    """Paragraphs outside of code blocks, comments and quotations."""
    source = re.sub(r"<!--.*?-->", _blank, source, flags=re.DOTALL)
    source = re.sub(r"^(\s*)(```+|~~~+).*?^\1\2[ \t]*$", _blank, source, flags=re.DOTALL | re.MULTILINE)
    source = re.sub(r"`[^`]*`", lambda found: FILLED + "\n" * found[0].count("\n"), source)
    quoted = re.compile(r"^( {4,}(?![-*\d ])|>)")
    lines = [("" if quoted.match(line) else line) for line in source.splitlines()]
    yield from _paragraphs(list(enumerate(lines, 1)))


def _blank(found: "re.Match[str]") -> str:
    return "\n" * found[0].count("\n")


def _html(source: str) -> Iterator[Passage]:
    """The text between tags; an inline tag does not end a passage."""
    source = re.sub(r"<(script|style)\b.*?</\1>|<!--.*?-->", _blank, source, flags=re.DOTALL)
    source = re.sub(r"</?(a|b|i|em|strong|code|span|tspan)\b[^>]*>", _blank, source)
    source = re.sub(r"<[^>]*>", lambda found: "\0" + _blank(found), source)
    number = 1
    for part in source.split("\0"):
        lines = list(enumerate(part.split("\n"), number))
        number = lines[-1][0]
        if part.strip():
            yield passage([(at, line) for at, line in lines if line.strip()])


def _script(source: str) -> Iterator[Passage]:
    """Comments of JavaScript and CSS, and JavaScript's strings that are messages."""
    tokens = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`", re.DOTALL)
    for found in tokens.finditer(source):
        number = source.count("\n", 0, found.start()) + 1
        is_comment = found[0].startswith("/")
        text = re.sub(r"\$\{[^}]*\}", FILLED, found[0].strip("/*\"'` "))
        if is_comment or MESSAGE.search(text):
            yield from _paragraphs(list(enumerate(text.split("\n"), number)))


def _commented(source: str) -> Iterator[Passage]:
    """Comments of a Makefile, of TOML and of shell scripts, line by line."""
    for number, line in enumerate(source.splitlines(), 1):
        found = COMMENT_SIGN.search(line)
        if found and not DIRECTIVE.search(line):
            yield passage([(number, found[1])])


READERS: Final[dict[str, Callable[[str], Iterator[Passage]]]] = {
    ".md": _markdown,
    ".html": _html,
    ".svg": _html,
    ".js": _script,
    ".css": _script,
    ".toml": _commented,
    ".sh": _commented,
    "Makefile": _commented,
    "run": _commented,
}
