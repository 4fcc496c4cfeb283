"""Log lines of JSON with a closed list of fields, so that no value that somebody sent finds its way in."""

import json
import logging
import logging.config
from typing import Any, Final

FIELDS: Final = ("request_id", "seconds", "error_id", "kind", "at", "problem", "chain", "sequence", "hash", "letter")

QUIET_LOGGERS: Final = {"uvicorn.access": "WARNING", "alembic": "WARNING", "slowapi": "ERROR"}
"""Loggers that would write query strings or, as slowapi warns of every refusal, addresses."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger, message, and the known extra fields."""
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "logger": record.name,
            # asyncio puts what failed, with its text, on the lines below the first
            "message": (record.getMessage().splitlines() or [""])[0],
        }
        line |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info and record.exc_info[0]:
            line["kind"] = record.exc_info[0].__name__
        return json.dumps(line, default=str)


def logging_config(level: str = "INFO") -> dict[str, Any]:
    """For `logging.config.dictConfig` and for uvicorn, whose access log would hold query strings."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": JsonFormatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {name: {"level": level} for name, level in QUIET_LOGGERS.items()},
    }
