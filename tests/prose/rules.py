"""The banned words and constructions, each with what to say instead."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

START: Final = r"(?:^|(?<=[.;:!] ))"
"""A sentence starts here, or a clause after a colon or a semicolon."""
LONGEST_SENTENCE: Final = 30
SENTENCE_END: Final = re.compile(r"(?<=[.!?])[)\"'”]*\s+(?=[A-Z0-9(\"'“…])")


@dataclass(frozen=True)
class Rule:
    """A pattern, case ignored, and what to write instead."""

    pattern: str
    instead: str

    @cached_property
    def compiled(self) -> "re.Pattern[str]":
        """The pattern, ready to search with."""
        return re.compile(self.pattern, re.IGNORECASE)


BANNED: Final = (
    # pronouns, connectors and adverbs
    Rule(r"\b(?:whoever|whomever)\b", 'say "if someone", "anyone who" or "a caller who"'),
    Rule(r"\bwhom\b", 'say "who", or name the person: "the subject", "the caller"'),
    Rule(r"\b(?:whence|hence|thereby|thereof|therein|lest|whereby)\b", 'say "from where", "so", "because of this"'),
    Rule(r"\bwhatever\b", 'say "any" or "every"'),
    Rule(r"\b(?:some|any|every)body\b", 'say "someone", "anyone", "everyone", or name the person'),
    Rule(r"\bnobody's\b|\b(?:of|to|for|about|from|with|by|in) nobody\b|\bnobody but\b", 'say "no one", or "not … any"'),
    Rule(r"\bso that nobody\b", 'say "so nobody"'),
    Rule(r"\b(?:ours|theirs)\b", 'name the thing: "our token", "the subject\'s"'),
    Rule(r"\b(?:of (?:its|their|our|one's)|one's) own\b", 'say "its own X" or "a separate X"'),
    Rule(r"\boneself\b|\bthemself\b", 'say "themselves" or name the person'),
    Rule(r"\bby itself\b", 'say "separately", "on its own" or "automatically"'),
    Rule(r"(?<!let )\balone\b", 'say "only" before the word that it limits'),
    Rule(r"\banew\b", 'say "again"'),
    Rule(r"\balike\b", 'say "the same way" or "equally"'),
    Rule(r"\bnowhere\b", 'say "never" or "not … anywhere"'),
    Rule(r"\bbut for\b", 'say "except"'),
    Rule(r"\bbesides?\b", 'say "next to", "with", "also" or "in addition to"'),
    Rule(r"\bof which\b", 'start a new sentence, or say "whose"'),
    Rule(r"\bin vain\b", 'say "without success"'),
    Rule(r"\bas (?:it|they) (?:is|are|was|were)(?=$|[.,;:)])", 'say "unchanged"'),
    Rule(r"\bthan (?:it|they) (?:do|does|did|may|has|have)\b", "compare with a noun or a number"),
    Rule(r"\bnothing (?:of|but)\b", 'say "no X" or "only"'),
    Rule(r"\b(?:None|True|False|null) where\b", 'say "if"'),
    Rule(
        r"(?<!there )\b(?:is|are|was|were) no (?!longer|more|less|fewer|such|one|other)[a-z]+",
        'say "is not a" or "there is no"',
    ),
    Rule(
        r"\bone (?:[a-z]+ ){1,3}an? (?:act|column|document|kind|line|page|person|question|request|role|row|table)\b",
        'say "per"',
    ),
    # verbs of a private vocabulary
    Rule(r"\btold\b", 'say who shows what: "the error names", "the e-mail says"'),
    Rule(r"\btells? (?:of|nobody|no one|nothing)\b", 'say "reveals", "shows" or "names"'),
    Rule(r"\b(?:meets|met)\b", 'say "sees" or "can read"; a condition "is true"'),
    Rule(r"\b(?:is|are|was|were|be|been|being) asked(?! to\b)", 'say "is called", "is queried" or "is requested"'),
    Rule(r"\bwhat\b[^.;,]{0,40}\basked\b", 'say "the request" or "the requested fields"'),
    Rule(r"\bgo(?:es)? (?:on|whole|with|once|at once|by)\b", 'say "continues", "is erased", "is used with"'),
    Rule(r"\bgoes(?=[.,;:])", 'say "is erased" or "is removed"'),
    Rule(r"\blies? (?:in|within|after|before|between|behind|beyond|elsewhere)\b", 'say "is" or "must be"'),
    Rule(r"\b(?:stands?|stood) (?:alone|aside|behind|beside|between|side by side)\b", 'say "is" and where'),
    Rule(r"\b(?:carries|carried|handed|hands? (?:over|out|on|back))\b", 'say "contains", "passes" or "returns"'),
    Rule(r"\btaken for\b", 'say "treated as"'),
    Rule(r"\b(?:keeps?|kept|holds?|held|holding) back\b", 'say "withholds" or "withheld"'),
    Rule(r"\bmend(?:s|ed|ing)?\b", 'say "fix"'),
    Rule(r"\bknows? (?:no|nothing)\b", 'say "does not depend on" or "has no"'),
    Rule(r"\b(?:gives?|makes?|in the) way\b", 'say "is replaced", "yields" or "conflicts"'),
    Rule(r"\b(?:time|grace|period)s? (?:is|are|was|were) over\b", 'say "has expired" or "has ended"'),
    Rule(r"\b(?:is|are) whole\b|\bwhole line by line\b", 'say "complete" or "all or nothing"'),
    # metaphors
    Rule(r"\baside\b", 'say "separately" or "except"'),
    Rule(r"\bdoors?\b", 'say "entry point"'),
    Rule(r"\bsight\b", 'say "visible" or "can see"'),
    Rule(r"\bcrowds?\b", 'say "burst of requests" or "many callers"'),
    Rule(r"\btakes? turns\b", 'say "wait in a queue"'),
    Rule(r"\bout of reach\b", 'say "unavailable" or "cannot be reached"'),
    # sentences that start with the wrong part
    Rule(
        START + r"(?:of|to|from|by|for|with|under|on|in) (?:whose|which|what)\b(?![^.]*\?)",
        "start with the subject of the sentence",
    ),
    Rule(START + r"whose\b(?![^.]*\?)", "start with the subject of the sentence"),
    Rule(
        START + r"(?:so (?:it )?(?:is|are|does|do)|such (?:is|are)|nor|neither (?:is|are|does|do))\b", "say it directly"
    ),
    Rule(START + r"what (?:is|was|are|were|has|had|may|must|can)\b(?![^.]*\?)", 'use a noun: "The rows to erase"'),
    Rule(r"(?:^|(?<=[.;!] ))who [a-z]+s\b(?![^.]*\?)", 'say "A caller who", "If someone"'),
    Rule(START + r"says\b", 'say "prints", "lists", "checks" or "returns"'),
)
