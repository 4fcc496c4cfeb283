"""Rules for new passwords: length, strength and known leaks, but no required kinds of characters."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from zxcvbn_rs_py import zxcvbn

from resolvers.hashing.breached_passwords import SortedListFile, is_in_packaged_list
from resolvers.hashing.password_hash import is_too_long

MIN_LENGTH: Final = 12
MIN_LENGTH_STAFF: Final = 15
MAX_LENGTH: Final = 128
MAX_SCORED_LENGTH: Final = 19
"""How many code points are scored. The slowest 19 took 18 ms, the slowest 24 took 30 ms and the slowest 72 600 ms."""

MIN_SCORE: Final = 3
SERVICE_NAMES: Final = ("consentql", "3dprinteros")
MIN_WORD_LENGTH: Final = 4
APPENDED: Final = re.compile(r"[\W\d_]+$")
BETWEEN_WORDS: Final = re.compile(r"[\W_]+")
SUBSTITUTES: Final = "4@8({[<369|1!0$57+%2"
LEET: Final[tuple[dict[int, int], ...]] = (
    {},
    str.maketrans(SUBSTITUTES, "aabcccceggiiiossttxz"),
    str.maketrans(SUBSTITUTES, "aabccccegglllossttxz"),
)
"""The letters that other characters replace. Three of these characters replace i or l."""


class FaultKind(StrEnum):
    """A kind of fault of a password."""

    SHORT = "SHORT"
    LONG = "LONG"
    GUESSABLE = "GUESSABLE"
    BREACHED = "BREACHED"
    CONTEXT = "CONTEXT"


@dataclass(frozen=True, slots=True)
class Fault:
    """A reason to refuse a password. It never contains the password."""

    kind: FaultKind
    reason: str


TOO_LONG: Final = Fault(FaultKind.LONG, f"it is longer than {MAX_LENGTH} characters")
GUESSABLE: Final = Fault(FaultKind.GUESSABLE, "it is easy to guess")
BREACHED: Final = Fault(FaultKind.BREACHED, "it, or most of it, is on a list of stolen passwords")
CONTEXT: Final = Fault(FaultKind.CONTEXT, "it contains the name of this service, your name or your e-mail address")


def faults(
    password: str, *, words: Iterable[str] = (), staff: bool = False, listed: SortedListFile | None = None
) -> tuple[Fault, ...]:
    """All faults of a password. Takes up to 20 ms.

    `words` are the address and the names of the person, which the password must not contain.
    """
    if is_too_long(password):
        return (TOO_LONG,)
    password = unicodedata.normalize("NFC", password)
    if len(password) > MAX_LENGTH:
        return (TOO_LONG,)
    shortest = MIN_LENGTH_STAFF if staff else MIN_LENGTH
    found = []
    if len(password) < shortest:
        found.append(Fault(FaultKind.SHORT, f"it has fewer than {shortest} characters"))
    if int(zxcvbn(password[:MAX_SCORED_LENGTH]).score) < MIN_SCORE:
        found.append(GUESSABLE)
    if any(is_in_packaged_list(each) or (listed is not None and each in listed) for each in _spellings(password)):
        found.append(BREACHED)
    if _contains_any(password, _context_words(words)):
        found.append(CONTEXT)
    return tuple(found)


def _spellings(password: str) -> set[str]:
    """The password with and without appended characters, and with letters for the characters that replace them."""
    bases = {password, APPENDED.sub("", password)}
    bases |= {base.casefold() for base in bases}
    return {base.translate(letters) for base in bases for letters in LEET if base}


def _context_words(words: Iterable[str]) -> set[str]:
    """Words that an attacker tries first: the names of the service and the person, the local part of the address."""
    found = set(SERVICE_NAMES)
    for word in words:
        whole = unicodedata.normalize("NFC", word.rpartition("@")[0] or word).casefold()
        found |= {whole, *BETWEEN_WORDS.split(whole)}
    return {word for word in found if len(word) >= MIN_WORD_LENGTH}


def _contains_any(password: str, words: set[str]) -> bool:
    folded = password.casefold()
    return any(word.translate(letters) in folded.translate(letters) for letters in LEET for word in words)
