"""When an answer with errors is a 503: the service was unavailable, and nothing was answered or changed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from models.connections.unavailable import RETRY_SECONDS
from permissions.error_codes import ErrorCode

RETRY_AFTER: Final = {"Retry-After": str(RETRY_SECONDS)}
"""The header of every answer with status 503 and the code UNAVAILABLE."""


def is_unanswered(errors: Sequence[Mapping[str, Any]], data: Mapping[str, Any] | None) -> bool:
    """Whether every root field, or the request itself, failed with UNAVAILABLE, and nothing can have changed."""
    if not errors or not all(_may_be_repeated(error["extensions"]) for error in errors):
        return False
    failed = {error["path"][0] for error in errors if error.get("path")}
    return all(value is None and key in failed for key, value in (data or {}).items())


def _may_be_repeated(extensions: Mapping[str, Any]) -> bool:
    return extensions["code"] == ErrorCode.UNAVAILABLE and "outcome" not in extensions
