"""Describes an exception for the log: its classes, its code and where it was raised, but none of its values."""

import traceback
from collections.abc import Iterator
from typing import Any, Final

MOST_CAUSES: Final = 8
MOST_FRAMES: Final = 50


def failure_fields(problem: BaseException) -> dict[str, Any]:
    """Returns the fields of a log line about this exception. Its message may contain sent values, so it is left out."""
    causes = list(_causes(problem))
    fields: dict[str, Any] = {
        "kind": type(problem).__name__,
        "causes": [_class_name(each) for each in causes],
        "frames": _frames(problem),
    }
    if state := next((state for each in causes if (state := _sqlstate(each))), None):
        fields["sqlstate"] = state
    return fields


def _causes(problem: BaseException) -> Iterator[BaseException]:
    """The exception and what caused it, the outermost first."""
    seen: set[int] = set()
    each: BaseException | None = problem
    while each is not None and id(each) not in seen and len(seen) < MOST_CAUSES:
        seen.add(id(each))
        yield each
        hidden = each.__context__ if not each.__suppress_context__ else None
        inner: Any = each.__cause__ or getattr(each, "orig", None) or hidden
        each = inner if isinstance(inner, BaseException) else None


def _class_name(problem: BaseException) -> str:
    return f"{type(problem).__module__}.{type(problem).__qualname__}"


def _sqlstate(problem: BaseException) -> str | None:
    """The SQLSTATE of PostgreSQL, or SQLite's name of the error."""
    for name in ("sqlstate", "sqlite_errorname"):
        state = getattr(problem, name, None)
        if isinstance(state, str) and state.isascii() and state.replace("_", "").isalnum():
            return state
    return None


def _frames(problem: BaseException) -> list[str]:
    """Module and line of each frame, the innermost last."""
    places = [
        f"{frame.f_globals.get('__name__', '?')}:{line}" for frame, line in traceback.walk_tb(problem.__traceback__)
    ]
    return places[-MOST_FRAMES:]
