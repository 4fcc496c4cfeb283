"""Text as a person reads it: without the invisible characters that come along when it is copied."""

import unicodedata
from typing import Final

DIRECTIONS: Final = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
JOINERS: Final = "\u200c\u200d"
UNSEEN: Final = "\u00ad\u180e\u200b\u2060\ufeff"
"""Characters that are never seen and do not change the letters next to them."""

INVISIBLE: Final = DIRECTIONS + JOINERS + UNSEEN


def trimmed(text: str) -> str:
    """Returns the text without blanks and invisible characters at its edges."""
    begin, end = 0, len(text)
    while begin < end and _is_unseen(text[begin]):
        begin += 1
    while begin < end and _is_unseen(text[end - 1]):
        end -= 1
    return text[begin:end]


def _is_unseen(letter: str) -> bool:
    return letter.isspace() or letter in INVISIBLE


def plain(text: str) -> str:
    """Returns a number, code or name of a list as it looks: ASCII digits and signs, single kinds of blanks."""
    seen = "".join(letter for letter in trimmed(text) if letter not in INVISIBLE)
    return "".join(map(_ascii_if_alike, seen))


def _ascii_if_alike(letter: str) -> str:
    if letter.isascii():
        return letter
    if letter.isspace():
        return " "
    if unicodedata.category(letter) == "Pd" or letter == "\u2212":
        return "-"
    digit = unicodedata.decimal(letter, None)
    alike = unicodedata.normalize("NFKC", letter) if digit is None else str(digit)
    return alike if len(alike) == 1 and alike.isascii() else letter
