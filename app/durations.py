"""Durations as operators write them: `8h`, `30d`."""

import re
from datetime import timedelta
from typing import Final

UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LONGEST: Final = timedelta(days=3653)
WRITTEN: Final = re.compile(r"([1-9][0-9]{0,5})([smhdw])")


def duration(text: str) -> timedelta:
    """A number and one of s, m, h, d, w, ten years at most; anything else is a ValueError."""
    found = WRITTEN.fullmatch(text.strip())
    lasting = timedelta(**{UNITS[found[2]]: int(found[1])}) if found else timedelta()
    if not timedelta() < lasting <= LONGEST:
        raise ValueError("is not a duration such as 8h or 30d, of ten years at most")
    return lasting
