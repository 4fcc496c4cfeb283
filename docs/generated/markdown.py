"""Markdown tables, lists and code spans."""

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; an empty one is an error, since a page would show nothing."""
    body = [_line(row) for row in rows]
    if not body:
        raise ValueError(f"no rows under {', '.join(heads)}")
    return "\n".join([_line(heads), _line(["---"] * len(heads)), *body])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def code(text: object) -> str:
    """A code span."""
    return f"`{text}`"


def codes(values: Iterable[object], joint: str = ", ") -> str:
    """Code spans, one after the other."""
    return joint.join(code(value) for value in values)


def sections(parts: Iterable[str]) -> str:
    """Parts with an empty line between them."""
    return "\n\n".join(part for part in parts if part)
