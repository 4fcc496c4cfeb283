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
"""A shorter word is part of many others, so it counts only on its own."""

MAX_ENDING: Final = 16
"""How many appended characters are looked up one by one."""

APPENDED: Final = re.compile(r"[\W\d_]+$")
BETWEEN_WORDS: Final = re.compile(r"[\W_]+")
NO_LETTER: Final = r"[\W\d_]"
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
CONTEXT: Final = Fault(
    FaultKind.CONTEXT, "it contains the name of this service, your name or part of your e-mail address"
)


def faults(
    password: str, *, words: Iterable[str] = (), staff: bool = False, listed: SortedListFile | None = None
) -> tuple[Fault, ...]:
    """All faults of a password. Takes up to 40 ms.

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
    if any(int(zxcvbn(each).score) < MIN_SCORE for each in _scored(password)):
        found.append(GUESSABLE)
    if any(is_in_packaged_list(each) or (listed is not None and each in listed) for each in _spellings(password)):
        found.append(BREACHED)
    if _contains_any(password, _context_words(words)):
        found.append(CONTEXT)
    return tuple(found)


def _scored(password: str) -> set[str]:
    """The password with and without the signs in its ending, which are scored as if they were hard to guess."""
    stem = APPENDED.sub("", password)
    bare = stem + BETWEEN_WORDS.sub("", password[len(stem) :])
    return {each[:MAX_SCORED_LENGTH] for each in (password, bare if stem else password)}


def _spellings(password: str) -> set[str]:
    """The password with and without its ending or a part of it, and with letters for the signs that replace them."""
    found = {password}
    for base in {password, password.casefold()}:
        stem = len(APPENDED.sub("", base))
        ends = range(stem, min(len(base), stem + MAX_ENDING) + 1)
        for letters in LEET:
            spelled = base.translate(letters)
            found |= {spelled, spelled[:stem]}
            found |= {spelled[:end] + base[end:] for end in ends}  # the first signs of an ending may be letters
            found |= {spelled[:stem] + base[stem:end] for end in ends if stem}
    return found - {""}


def _context_words(words: Iterable[str]) -> set[str]:
    """Words that an attacker tries first: the names of the service and the person, and the parts of the address."""
    found = set(SERVICE_NAMES)
    for word in words:
        whole = unicodedata.normalize("NFC", word).casefold()
        found |= {whole, *_address_parts(whole)} if "@" in whole else {whole, *BETWEEN_WORDS.split(whole)}
    return found - {""}


def _address_parts(address: str) -> set[str]:
    """The local part and the domain's name, whole and word by word, without the top-level domain."""
    local, _, domain = address.rpartition("@")
    name = domain.rpartition(".")[0] or domain
    return {local, domain, name, *BETWEEN_WORDS.split(local), *BETWEEN_WORDS.split(name)}


def _contains_any(password: str, words: set[str]) -> bool:
    folded = password.casefold()
    short = {word for word in words if len(word) < MIN_WORD_LENGTH}
    if any(word.translate(letters) in folded.translate(letters) for letters in LEET for word in words - short):
        return True
    between = rf"(?<={NO_LETTER})(?:{'|'.join(map(re.escape, short))})(?={NO_LETTER})"
    return folded in short or (bool(short) and re.search(between, folded) is not None)
