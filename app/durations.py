"""Durations as operators write them: `8h`, `30d`."""

import re
from datetime import timedelta
from typing import Final

UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
WRITTEN: Final = re.compile(r"([1-9][0-9]{0,5})([smhdw])")


def duration(text: str) -> timedelta:
    """A number and one of s, m, h, d, w; anything else is a ValueError."""
    found = WRITTEN.fullmatch(text.strip())
    if found is None:
        raise ValueError("is not a duration such as 8h or 30d")
    return timedelta(**{UNITS[found[2]]: int(found[1])})
