"""Applies the rules to files: banned wording and long sentences, each with its line."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.prose.passages import FILLED, Passage, passages
from tests.prose.rules import BANNED, LONGEST_SENTENCE, SENTENCE_END

QUOTED: Final = {"policy.py": frozenset({"READINGS"})}
"""Quotations, by file name and constant: the policy as it was published decides their wording."""


@dataclass(frozen=True)
class Finding:
    """One place and what is wrong with it."""

    line: int
    message: str


def banned(path: Path, source: str) -> Iterator[Finding]:
    """Banned wording in one file."""
    for each in passages(path, source, QUOTED.get(path.name, frozenset())):
        for rule in BANNED:
            for found in rule.compiled.finditer(each.text):
                yield Finding(each.line_at(found.start()), f'"{found[0].strip()}": {rule.instead}')


def long_sentences(path: Path, source: str) -> Iterator[Finding]:
    """Sentences of more words than anyone reads in one go."""
    for each in passages(path, source, QUOTED.get(path.name, frozenset())):
        yield from _long_in(each)


def _long_in(each: Passage) -> Iterator[Finding]:
    breaks = list(SENTENCE_END.finditer(each.text))
    starts = [0, *(found.end() for found in breaks)]
    ends = [*(found.start() for found in breaks), len(each.text)]
    for start, end in zip(starts, ends, strict=True):
        words = [
            word for word in each.text[start:end].split() if any(sign.isalnum() or sign == FILLED for sign in word)
        ]
        if len(words) > LONGEST_SENTENCE:
            beginning = " ".join(words[:6])
            yield Finding(each.line_at(start), f"a sentence of {len(words)} words: {beginning} …")
