"""Which passwords are refused, and for what reasons: length and strength, never which letters one must use."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from zxcvbn_rs_py import zxcvbn

from models.mutation_outcomes import Refused
from models.vocabulary import RefusalCode
from resolvers.hashing.breached_passwords import SortedListFile, is_in_packaged_list
from resolvers.hashing.password_hash import Hashing, is_too_long

MIN_LENGTH: Final = 12
MIN_LENGTH_STAFF: Final = 15
MAX_LENGTH: Final = 128
MAX_SCORED_LENGTH: Final = 19
"""Code points that are scored, the first ones: the worst 19 took 18 ms, the worst 24 took 30, the worst 72 took 600."""

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
"""The letters that signs stand for; three of them for i or l."""


class FaultKind(StrEnum):
    """What is wrong with a password."""

    SHORT = "SHORT"
    LONG = "LONG"
    GUESSABLE = "GUESSABLE"
    BREACHED = "BREACHED"
    CONTEXT = "CONTEXT"


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason against a password; it never repeats the password."""

    kind: FaultKind
    reason: str


TOO_LONG: Final = Fault(FaultKind.LONG, f"it is longer than {MAX_LENGTH} characters")
GUESSABLE: Final = Fault(FaultKind.GUESSABLE, "it is easy to guess")
BREACHED: Final = Fault(FaultKind.BREACHED, "it, or most of it, is on a list of stolen passwords")
CONTEXT: Final = Fault(FaultKind.CONTEXT, "it contains the name of this service, your name or your e-mail address")


def faults(
    password: str, *, words: Iterable[str] = (), staff: bool = False, listed: SortedListFile | None = None
) -> tuple[Fault, ...]:
    """Every reason against a password; `words` are the person's address and names. It may take 20 ms."""
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


async def refusal(
    hashing: Hashing,
    password: str,
    field: str,
    *,
    words: Iterable[str] = (),
    staff: bool = False,
    listed: SortedListFile | None = None,
) -> Refused | None:
    """The answer to a password that is not strong enough, asked in the line of the hashes; Busy where that is full."""
    found = await hashing.run_in_pool(faults, password, words=tuple(words), staff=staff, listed=listed)
    if not found:
        return None
    reasons = "; ".join(fault.reason for fault in found)
    return Refused(RefusalCode.WEAK_PASSWORD, f"This password is not strong enough: {reasons}.", field)


def _spellings(password: str) -> set[str]:
    """The password, also without what was only added at its end, and with letters for the signs that replace them."""
    bases = {password, APPENDED.sub("", password)}
    bases |= {base.casefold() for base in bases}
    return {base.translate(letters) for base in bases for letters in LEET if base}


def _context_words(words: Iterable[str]) -> set[str]:
    """Words of which each would be tried first: of this service, the local part of an address, names."""
    found = set(SERVICE_NAMES)
    for word in words:
        whole = unicodedata.normalize("NFC", word.rpartition("@")[0] or word).casefold()
        found |= {whole, *BETWEEN_WORDS.split(whole)}
    return {word for word in found if len(word) >= MIN_WORD_LENGTH}


def _contains_any(password: str, words: set[str]) -> bool:
    folded = password.casefold()
    return any(word.translate(letters) in folded.translate(letters) for letters in LEET for word in words)
