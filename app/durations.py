"""Durations as operators write them: `8h`, `30d`, `6y`."""

import re
from datetime import timedelta
from typing import Final

UNITS: Final = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365, hours=6),
}
MAX_DURATION: Final = timedelta(days=3653)
PATTERN: Final = re.compile(r"([1-9][0-9]{0,5})([smhdwy])")


def parse_duration(text: str) -> timedelta:
    """Parses a number followed by s, m, h, d, w or y. Raises ValueError unless it is at most ten years."""
    found = PATTERN.fullmatch(text.strip())
    length = min(int(found[1]) * UNITS[found[2]], 2 * MAX_DURATION) if found else timedelta()
    if not timedelta() < length <= MAX_DURATION:
        raise ValueError("must be a duration such as 8h or 30d, of at most ten years")
    return length
