"""Spans of the work below `app`. They do nothing until `app` sets a tracer."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from typing import Final


class SpanName(StrEnum):
    """What a span is about."""

    REQUEST = "request"
    EXECUTION = "execution"
    ROOT_FIELD = "root field"
    STATEMENT = "statement"
    HASHING = "hashing"
    LEDGER = "ledger"


class Attribute(StrEnum):
    """What a span says. There is no other attribute, and none holds a sent value."""

    METHOD = "http.request.method"
    PATH = "http.route"
    STATUS = "http.response.status_code"
    ROOT_FIELD = "consentql.root_field"
    OPERATION = "db.operation.name"
    TABLES = "db.collection.name"
    SYSTEM = "db.system.name"
    POOL = "consentql.hashing.pool"
    LOG = "consentql.log"
    ERROR = "error.type"


Opener = Callable[[SpanName, Mapping[Attribute, str]], AbstractContextManager[None]]
"""Opens a span for the body of a `with` statement."""

_NOTHING: Final = nullcontext()
_openers: Final[list[Opener]] = []


def use_opener(opener: Opener | None) -> None:
    """Sets how spans are opened; None opens none."""
    _openers[:] = [opener] if opener else []


def span(name: SpanName, attributes: Mapping[Attribute, str] | None = None) -> AbstractContextManager[None]:
    """A span around the body, below the span that is open in this task."""
    return _openers[0](name, attributes or {}) if _openers else _NOTHING
