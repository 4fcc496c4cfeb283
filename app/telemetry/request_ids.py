"""The ids of the present request, for its log lines. Background tasks have none."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{8,64}")
TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, slots=True)
class TraceParent:
    """The trace that a request belongs to, and the span of the client that sent it (W3C Trace Context)."""

    trace_id: str
    span_id: str
    flags: str

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


@dataclass(frozen=True, slots=True)
class RequestIds:
    """The id of a request and the trace that it belongs to."""

    request_id: str
    trace: TraceParent


_PRESENT: Final[ContextVar[RequestIds | None]] = ContextVar("ids of the request", default=None)


def present_ids() -> RequestIds | None:
    """The ids of the request that this task works for."""
    return _PRESENT.get()


@contextmanager
def identified(ids: RequestIds) -> Iterator[None]:
    """The body and the tasks that it starts work for this request."""
    before = _PRESENT.set(ids)
    try:
        yield
    finally:
        _PRESENT.reset(before)


def request_id_of(asked: str) -> str:
    """The id that the client asked for if it has the right form, or a new one."""
    return asked if REQUEST_ID.fullmatch(asked) else secrets.token_hex(12)


def received_trace(header: str) -> TraceParent | None:
    """The trace that a `traceparent` header names. None if the header is missing or invalid."""
    found = TRACEPARENT.fullmatch(header)
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    invalid = version == "ff" or (version == "00" and more is not None) or not int(trace_id, 16) or not int(span_id, 16)
    return None if invalid else TraceParent(trace_id, span_id, flags)


def new_trace() -> TraceParent:
    """A trace that begins with this request."""
    return TraceParent(secrets.token_hex(16), secrets.token_hex(8), "00")
