"""The result of a root field, for metrics."""

from dataclasses import dataclass

from models.vocabulary import RefusalCode


@dataclass(frozen=True, slots=True)
class AnsweredField:
    """A root field that a request asked for under `key`, and how its resolver ended."""

    key: str
    coordinate: str
    seconds: float
    refusal: RefusalCode | None
