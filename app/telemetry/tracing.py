"""Sends OpenTelemetry spans if the OTEL_* variables ask for them and the packages of the extra `tracing` are installed.

No span holds a sent value: its attributes are a closed list, and of an exception it has only the class.
"""

import importlib.util
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Table, event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql import visitors

from app.telemetry.request_ids import TraceParent, new_trace
from models.telemetry import spans
from models.telemetry.spans import Attribute, SpanName

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

log = logging.getLogger("consentql.tracing")

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PACKAGES: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
OTHER: Final = "OTHER"
"""The name of any statement but SELECT, INSERT, UPDATE and DELETE of SQLAlchemy."""

Note = Callable[[Attribute, str], None]
"""Adds an attribute to a span."""

_tracers: Final[list["Tracer"]] = []


def start_tracing(engines: Iterable[AsyncEngine]) -> None:
    """Begins to send spans, if the environment asks for them."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or not any(map(os.environ.get, ENDPOINTS)):
        return
    if not all(map(_is_installed, PACKAGES)):
        log.warning('no spans are sent: install "consentql[tracing]"')
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "consentql"}
    provider = TracerProvider(resource=Resource.create(name))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    use_tracer(provider.get_tracer("consentql"), engines)


def use_tracer(tracer: "Tracer", engines: Iterable[AsyncEngine]) -> None:
    """Opens spans with this tracer from now on."""
    _tracers[:] = [tracer]
    spans.use_opener(lambda name, attributes: _work_span(tracer, name, attributes))
    for engine in engines:
        _trace_statements(engine, tracer)


def stop_tracing() -> None:
    """Opens no more spans for requests and their work."""
    _tracers.clear()
    spans.use_opener(None)


@contextmanager
def request_span(
    received: TraceParent | None, attributes: Mapping[Attribute, str]
) -> Iterator[tuple[TraceParent, Note]]:
    """The span of a request. Yields the trace that the request belongs to, also where no spans are sent."""
    if not _tracers:
        yield received or new_trace(), lambda _attribute, _value: None
        return
    from opentelemetry.trace import SpanKind

    parent = _remote_parent(received) if received else None
    with _open(_tracers[0], SpanName.REQUEST.value, attributes, context=parent, kind=SpanKind.SERVER) as span:
        found = span.get_span_context()
        trace = TraceParent(f"{found.trace_id:032x}", f"{found.span_id:016x}", f"{found.trace_flags:02x}")
        yield trace, lambda attribute, value: span.set_attribute(attribute.value, value)


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def _remote_parent(received: TraceParent) -> "Context":
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    flags = TraceFlags(int(received.flags, 16) & TraceFlags.SAMPLED)
    parent = SpanContext(int(received.trace_id, 16), int(received.span_id, 16), is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(parent))


@contextmanager
def _work_span(tracer: "Tracer", name: SpanName, attributes: Mapping[Attribute, str]) -> Iterator[None]:
    with _open(tracer, name.value, attributes):
        yield


@contextmanager
def _open(tracer: "Tracer", name: str, attributes: Mapping[Attribute, str], **options: Any) -> Iterator["Span"]:
    """Opens a span. The library must not record the text of exceptions."""
    options |= {"record_exception": False, "set_status_on_exception": False}
    with tracer.start_as_current_span(name, attributes=_plain(attributes), **options) as span:
        try:
            yield span
        except BaseException as problem:
            _note_failure(span, problem)
            raise


def _plain(attributes: Mapping[Attribute, str]) -> dict[str, str]:
    return {attribute.value: value for attribute, value in attributes.items()}


def _note_failure(span: "Span", problem: BaseException) -> None:
    from opentelemetry.trace import StatusCode

    span.set_status(StatusCode.ERROR)
    span.set_attribute(Attribute.ERROR.value, type(problem).__name__)


def _trace_statements(engine: AsyncEngine, tracer: "Tracer") -> None:
    """Opens a span around each statement of an engine, named after its operation and its tables."""
    system = {Attribute.SYSTEM: engine.dialect.name}

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def begin(_connection: Any, _cursor: Any, _text: Any, _values: Any, context: Any, _many: Any) -> None:
        if tracer not in _tracers:
            return
        operation, tables = _statement_name(context)
        attributes = {**system, Attribute.OPERATION: operation, Attribute.TABLES: " ".join(tables)}
        context.consentql_span = tracer.start_span(SpanName.STATEMENT.value, attributes=_plain(attributes))

    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def end(_connection: Any, _cursor: Any, _text: Any, _values: Any, context: Any, _many: Any) -> None:
        if span := getattr(context, "consentql_span", None):
            span.end()

    @event.listens_for(engine.sync_engine, "handle_error")
    def fail(failure: Any) -> None:
        if span := getattr(failure.execution_context, "consentql_span", None):
            _note_failure(span, failure.original_exception)
            span.end()


def _statement_name(context: Any) -> tuple[str, list[str]]:
    """The operation and the tables of a statement. Its text and its parameters stay out."""
    statement = getattr(context, "invoked_statement", None)
    if statement is None:
        return OTHER, []
    kinds = {"INSERT": "isinsert", "UPDATE": "isupdate", "DELETE": "isdelete"}
    operation = next((name for name, flag in kinds.items() if getattr(context, flag, False)), OTHER)
    if operation == OTHER and getattr(statement, "is_select", False):
        operation = "SELECT"
    return operation, sorted({each.name for each in visitors.iterate(statement) if isinstance(each, Table)})
