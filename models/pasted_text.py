"""Text as a person reads it: without the invisible characters that come along when it is copied."""

import unicodedata
from typing import Final

DIRECTIONS: Final = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
JOINERS: Final = "\u200c\u200d"
UNSEEN: Final = "\u00ad\u180e\u200b\u2060\ufeff"
"""Characters that are never seen and do not change the letters next to them."""

INVISIBLE: Final = DIRECTIONS + JOINERS + UNSEEN
MINUS: Final = "\u2212"
FORMS: Final = ("<wide>", "<narrow>", "<small>")
"""Forms of a sign that differ only in their width."""

MOST_MARKS: Final = 30
"""The longest run of combining marks that any language needs, with room (UAX #15, Stream-Safe Text Format)."""


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


def one_line(text: str) -> str:
    """Returns a short text with ordinary blanks and without characters that are never seen. Line breaks stay."""
    seen = (letter for letter in trimmed(text) if letter not in UNSEEN)
    return "".join(" " if unicodedata.category(letter) == "Zs" else letter for letter in seen)


def plain(text: str) -> str:
    """Returns a number, a code or a name from a list in ASCII, if it looks like ASCII."""
    return "".join(_ascii_if_similar(letter) for letter in trimmed(text) if letter not in INVISIBLE)


def _ascii_if_similar(letter: str) -> str:
    if letter.isascii():
        return letter
    if letter.isspace():
        return " "
    if unicodedata.category(letter) == "Pd" or letter == MINUS:
        return "-"
    digit = unicodedata.decimal(letter, None)
    if digit is not None:
        return str(digit)
    is_form = unicodedata.decomposition(letter).startswith(FORMS)
    return unicodedata.normalize("NFKC", letter) if is_form else letter


def has_long_run_of_marks(text: str) -> bool:
    """Whether more than 30 combining marks follow each other, which normalizing would sort in quadratic time."""
    run = 0
    for letter in text:
        run = run + 1 if unicodedata.combining(letter) else 0
        if run > MOST_MARKS:
            return True
    return False
