"""Log lines as JSON. The list of fields is closed, so that no sent value is logged."""

import json
import logging
import logging.config
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from app.telemetry.request_ids import present_ids
from models.telemetry.failure import failure_fields
from permissions.events.record import SecurityEvent

FIELDS: Final = (
    "seconds",
    "error_id",
    "kind",
    "causes",
    "sqlstate",
    "frames",
    "at",
    "problem",
    "chain",
    "sequence",
    "hash",
    "letter",
    "step",
    "failures",
    "waiting",
    "count",
)

QUIET_LOGGERS: Final = {"uvicorn.access": "WARNING", "alembic": "WARNING", "slowapi": "ERROR"}
"""The levels of loggers that would log query strings, or the network of a client that is over a limit."""


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object per line, with its time in UTC."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """Returns time, level, logger, message and the known extra fields."""
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
        }
        line |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if ids := present_ids():
            line |= {"request_id": ids.request_id, "trace_id": ids.trace.trace_id}
        event = getattr(record, "event", None)
        if isinstance(event, SecurityEvent):
            line |= event.line()
        if record.exc_info and record.exc_info[1]:
            line |= failure_fields(record.exc_info[1])
        return json.dumps(line, default=str)


def _message(record: logging.LogRecord) -> str:
    """The first line. asyncio writes a failure's text below it, and the arguments of a callback into it."""
    first = (record.getMessage().splitlines() or [""])[0]
    before, callback, _ = first.partition(" callback")
    return before + callback if record.name == "asyncio" else first


def logging_config(level: str = "INFO") -> dict[str, Any]:
    """The configuration for `logging.config.dictConfig` and uvicorn."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": JsonFormatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {name: {"level": level} for name, level in QUIET_LOGGERS.items()},
    }


@contextmanager
def events_shown() -> Iterator[None]:
    """Writes security events and alerts of a command to standard error, as a server process writes all of its lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    loggers = [logging.getLogger(name) for name in ("consentql.security", "consentql.retention")]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, (level, propagates) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagates
