"""A table as text for a terminal."""

from collections.abc import Sequence


def align(lines: Sequence[Sequence[str]]) -> str:
    """The rows as lines, each cell padded to the width of its column."""
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
